/** A real Redis server for tests, where one is installed: on a free port, with a password, keeping nothing. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
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
  stop(): Promise<void>;
}

/** Starts a server. */
export async function startRedis(): Promise<RunningRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-redis-'));
  const port = await freePort();
  const settings = ['--port', String(port), '--dir', folder, '--save', '', '--requirepass', PASSWORD];
  const server = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of server.stdout) if (/ready to accept connections/i.test(String(line))) break;
  return {
    port,
    address: `redis://:${PASSWORD}@127.0.0.1:${port}`,
    stop: async () => {
      server.kill('SIGKILL');
      await once(server, 'exit');
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
