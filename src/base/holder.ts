/**
 * Who a process is, so that another can tell later whether it is still at work. A number alone does not say it: numbers are
 * used again, mean other processes in containers and on other machines, and start anew with the machine.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import type { Holder } from './holder-schema.ts';

export type { Holder };

/** Whether a holder is at work, has ended, or is where that cannot be told from here. */
export type HolderState = 'running' | 'ended' | 'elsewhere';

/** This process, about to hold something. */
export async function thisProcess(): Promise<Holder> {
  const machine = await textOf(() => readFile('/etc/machine-id', 'utf8'));
  const boot = await textOf(() => readFile('/proc/sys/kernel/random/boot_id', 'utf8'));
  const processes = await textOf(() => readlink('/proc/self/ns/pid'));
  const seen = await look(process.pid);
  return {
    place: { host: hostname(), ...(machine && { machine }), ...(boot && { boot }), ...(processes && { processes }) },
    pid: process.pid,
    ...(seen?.started !== undefined && { started: seen.started }),
    token: randomBytes(8).toString('hex'),
  };
}

/**
 * The holder whom a note names.
 *
 * @throws Error when it is no such note
 */
export async function parseHolder(note: string): Promise<Holder> {
  const { holderSchema } = await import('./holder-schema.ts'); // what it takes to check one is loaded when there is one
  return holderSchema.parse(JSON.parse(note));
}

/** What has become of a holder, as it can be told by a process at `here`. */
export async function stateOf({ place, pid, started }: Holder, here: Holder['place']): Promise<HolderState> {
  if (!isSamePlace(place, here)) return isBeforeRestart(place, here) ? 'ended' : 'elsewhere';
  if (!isThere(pid)) return 'ended';
  const seen = await look(pid);
  if (seen?.isZombie) return 'ended';
  // A system that does not show other users' processes shows no start either.
  const isAnother = seen?.started !== undefined && started !== undefined && seen.started !== started;
  return isAnother ? 'ended' : 'running';
}

function isSamePlace(a: Holder['place'], b: Holder['place']): boolean {
  if (a.boot !== b.boot || a.processes !== b.processes) return false;
  return a.boot !== undefined || a.host === b.host;
}

/** The processes of a Linux machine that are in no container. */
const ALL_PROCESSES = 'pid:[4026531836]';

/** Whether the machine was started again since. A container tells nothing of that: its name and files are no machine's. */
function isBeforeRestart(then: Holder['place'], now: Holder['place']): boolean {
  const isMachine = [then, now].every(({ machine, boot, processes }) => machine && boot && processes === ALL_PROCESSES);
  return isMachine && then.machine === now.machine && then.host === now.host && then.boot !== now.boot;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What the system tells about a process; undefined where it does not. */
async function look(pid: number): Promise<{ readonly isZombie: boolean; readonly started: string } | undefined> {
  if (process.platform === 'win32') return undefined;
  if (process.platform === 'linux') {
    const line = await textOf(() => readFile(`/proc/${pid}/stat`, 'latin1'));
    // The name stands in brackets and may hold anything.
    const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ');
    return fields && { isZombie: fields[0] === 'Z' || fields[0] === 'X', started: fields[19]! };
  }
  const args = ['-o', 'state=,lstart=', '-p', String(pid)];
  const line = await textOf(async () => {
    return (await promisify(execFile)('ps', args, { env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } })).stdout;
  });
  const [state = '', ...started] = line?.split(/\s+/) ?? [];
  return line === undefined ? undefined : { isZombie: state.startsWith('Z'), started: started.join(' ') };
}

/** Trimmed; undefined where there is none. */
async function textOf(read: () => Promise<string>): Promise<string | undefined> {
  const text = await read().catch(() => '');
  return text.trim() || undefined;
}
