/** A real Redis server for tests, where one is installed: on a free port, with a password, keeping nothing unless told to. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether tests with a server can run. */
export const hasRedis: boolean = spawnSync('redis-server', ['--version']).status === 0;

/** The password of the servers. */
export const PASSWORD = 'a-secret-word';

/** A server that runs. */
export interface RunningRedis {
  readonly port: number;
  /** With the password. */
  readonly address: string;
  /** Kills it (SIGKILL) and starts it again at the same port: with what it had written down, or empty. */
  restart(memory: 'kept' | 'lost'): Promise<void>;
  /** Keeps it from answering (SIGSTOP), or no longer. */
  freeze(isFrozen: boolean): void;
  stop(): Promise<void>;
}

/** Starts a server; it keeps what it holds on the disk if it is to be restarted with it. */
export async function startRedis({ isKept = false }: { readonly isKept?: boolean } = {}): Promise<RunningRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-redis-'));
  const port = await freePort();
  const keeping = isKept ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
  const settings = ['--port', String(port), '--dir', folder, '--save', '', '--requirepass', PASSWORD, ...keeping];
  const start = async (): Promise<ChildProcess> => {
    const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of child.stdout) if (/ready to accept connections/i.test(String(line))) break;
    return child;
  };
  let server = await start();
  const kill = async (): Promise<void> => {
    const isOver = once(server, 'exit');
    server.kill('SIGKILL');
    await isOver;
  };
  return {
    port,
    address: `redis://:${PASSWORD}@127.0.0.1:${port}`,
    restart: async (memory) => {
      await kill();
      if (memory === 'lost') {
        await rm(folder, { recursive: true });
        await mkdir(folder);
      }
      server = await start();
    },
    freeze: (isFrozen) => void server.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT'),
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' ? address!.port : 0;
}
