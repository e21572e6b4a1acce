/** Who holds a lock: one of many processes that want it, whatever became of those who had it before. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Holder, stateOf, thisProcess } from '../../src/base/holder.ts';
import { takeLock, takeLockIfFree } from '../../src/base/lock.ts';
import { createRandom } from '../../src/base/random.ts';
import { program } from '../batch/tiny-batch.ts';

const RACES = 100;
const PROCESSES = 4;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'l2caf-lock-'));
});
afterAll(() => rm(root, { recursive: true }));

describe('a lock', () => {
  it(`is held by one of ${PROCESSES} processes in each of ${RACES} races, also for that of a killed one`, async () => {
    const left = await leftLock();
    const racers = Array.from({ length: PROCESSES }, () => new Racer());
    const counts: number[] = [];
    for (let race = 0; race < RACES; race++) {
      const folder = join(root, 'races', String(race));
      await mkdir(folder, { recursive: true });
      if (race % 3 > 0) await cp(left, join(folder, '.lock'), { recursive: true });
      const answers = await Promise.all(racers.map((racer) => racer.ask(`take ${join(folder, '.lock')}`)));
      expect(answers.filter((answer) => answer.startsWith('error'))).toEqual([]);
      counts.push(answers.filter((answer) => answer === 'held').length);
      await Promise.all(racers.map((racer) => racer.ask('give')));
      expect(await readdir(folder)).toEqual([]);
    }
    expect(counts).toEqual(Array(RACES).fill(1));
    for (const racer of racers) racer.end();
  });

  it('is held by one at a time while processes that want it are killed', async () => {
    const path = join(root, 'killed', '.lock');
    await mkdir(join(path, '..'));
    const random = createRandom(5, 0);
    const running: ChildProcess[] = [];
    const killed = new Set<number>();
    const errors: string[] = [];
    let held = 0;
    const start = (): void => {
      const child = startLocker([path]);
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (line === 'held') held++;
        else if (!killed.has(Number(/^error (\d+) is inside/.exec(line)?.[1]))) errors.push(line);
      });
      running.push(child);
    };
    for (let i = 0; i < 3; i++) start();
    for (let kills = 0; kills < 30; kills++) {
      const before = held;
      await expect.poll(() => held, { timeout: 60_000, interval: 5 + 20 * random.uniform() }).toBeGreaterThan(before);
      const [victim] = running.splice(Math.floor(random.uniform() * running.length), 1);
      killed.add(victim!.pid!);
      await end(victim!);
      start();
    }
    await Promise.all(running.map(end));
    expect(errors).toEqual([]);
    await (await takeLock(path))();
  });

  it('names a holder on another machine and is not taken from it', async () => {
    const path = join(root, 'elsewhere');
    await leaveNote(path, { place: { host: 'faraway', boot: 'another' }, pid: process.pid });
    await expect(takeLock(path)).rejects.toMatchObject({
      code: 'output-unwritable',
      message: `a run on faraway (process ${process.pid}) is writing to this folder, or has ended without saying so`,
      hint: expect.stringContaining(`remove the folder ${path}`),
    });
    expect(await readFile(join(path, 'holder.json'), 'utf8')).toContain('faraway');
  });

  it.each(['', '{}', '{"pid":1}', 'null'])('that is damaged is not taken: %j', async (text) => {
    const path = join(root, 'damaged');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'holder.json'), text);
    await expect(takeLock(path)).rejects.toMatchObject({ message: /cannot be read/, hint: /remove it/ });
  });

  it('brings its folder back, which a run that had made it has just removed', async () => {
    const path = join(root, 'made', 'and', 'gone', '.lock');
    const give = await takeLock(path);
    expect(await takeLockIfFree(path)).toBeUndefined();
    await give();
    expect(await readdir(join(path, '..'))).toEqual([]);
  });

  it('that is a file, or a folder of something else, is not taken', async () => {
    await writeFile(join(root, 'file'), String(process.pid));
    await mkdir(join(root, 'folder'));
    await writeFile(join(root, 'folder', 'other'), '');
    for (const name of ['file', 'folder']) {
      await expect(takeLock(join(root, name))).rejects.toMatchObject({ message: /cannot be read/ });
    }
  });

  it('that somebody removed by hand is not taken from who has it now', async () => {
    const path = join(root, 'by-hand');
    const give = await takeLock(path);
    await rm(path, { recursive: true });
    const giveSecond = await takeLock(path);
    await give();
    await expect(takeLock(path)).rejects.toMatchObject({ message: /another run/ });
    expect(await takeLockIfFree(path)).toBe(undefined);
    await giveSecond();
    await (await takeLockIfFree(path))!();
  });
});

describe('a holder', () => {
  const here = async (): Promise<Holder> => thisProcess();

  it('is running, until it has ended, also before anybody has asked how', async () => {
    const { place } = await here();
    expect(await stateOf(await here(), place)).toBe('running');
    const child = spawn('sleep', ['60']);
    const holder = { ...(await here()), pid: child.pid!, started: undefined };
    expect(await stateOf(holder, place)).toBe('running');
    await end(child);
    expect(await stateOf(holder, place)).toBe('ended');
  });

  it('is running where it belongs to another user, whom one may not ask', async () => {
    const self = { ...(await here()), started: undefined };
    const refuse = (code: string) =>
      vi.spyOn(process, 'kill').mockImplementation(() => {
        throw Object.assign(new Error(code), { code });
      });
    const kill = refuse('EPERM');
    try {
      expect(await stateOf(self, self.place)).toBe('running');
      refuse('ESRCH');
      expect(await stateOf(self, self.place)).toBe('ended');
    } finally {
      kill.mockRestore();
    }
  });

  it.skipIf(process.platform === 'win32')('has ended when its number is that of another process now', async () => {
    const self = await here();
    expect(await stateOf({ ...self, started: `${self.started}1` }, self.place)).toBe('ended');
    expect(await stateOf({ ...self, started: undefined }, self.place)).toBe('running');
  });

  it.skipIf(process.platform !== 'linux')('has ended when nobody has asked for its end yet', async () => {
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = Number(await once(parent.stdout, 'data'));
    const { place, token } = await here();
    await expect.poll(() => stateOf({ place, pid, token }, place), { timeout: 30_000 }).toBe('ended');
    process.kill(pid, 0); // it is still listed
    await end(parent);
  });

  it('that is in another container, or on another machine, may be running', async () => {
    const self = await here();
    const machine = { host: 'm', machine: 'id', boot: 'b', processes: 'pid:[4026531836]' };
    const container = { host: 'm', machine: 'id', boot: 'b', processes: 'pid:[4026532000]' };
    const state = (then: Holder['place'], now: Holder['place']) => stateOf({ ...self, place: then }, now);
    expect(await state(container, { ...container, processes: 'pid:[4026532001]' })).toBe('elsewhere');
    expect(await state(container, machine)).toBe('elsewhere');
    expect(await state(machine, { ...machine, host: 'n', boot: 'c' })).toBe('elsewhere');
    expect(await state(machine, { ...machine, machine: 'other', boot: 'c' })).toBe('elsewhere');
    expect(await state(container, { ...container, boot: 'c' })).toBe('elsewhere');
    // The machine itself was started again: nothing survives that.
    expect(await state(machine, { ...machine, boot: 'c' })).toBe('ended');
    // Systems that do not tell apart their starts or containers go by their names.
    expect(await state({ host: 'm' }, { host: 'm' })).toBe('running');
    expect(await state({ host: 'm' }, { host: 'n' })).toBe('elsewhere');
  });
});

/** The lock of a process that was killed. */
async function leftLock(): Promise<string> {
  const path = join(root, 'left', '.lock');
  await mkdir(join(path, '..'));
  const racer = new Racer();
  expect(await racer.ask(`take ${path}`)).toBe('held');
  await end(racer.child);
  return path;
}

async function leaveNote(path: string, holder: Omit<Holder, 'token'>): Promise<void> {
  await mkdir(path);
  await writeFile(join(path, 'holder.json'), JSON.stringify({ ...holder, token: 'abc' }));
}

function startLocker(args: readonly string[]): ChildProcess {
  const file = fileURLToPath(program('lock-program'));
  return spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** A process that takes locks when it is told to. */
class Racer {
  readonly child: ChildProcess = startLocker([]);
  readonly #lines: Interface = createInterface({ input: this.child.stdout! });

  async ask(what: string): Promise<string> {
    const answer = once(this.#lines, 'line');
    this.child.stdin!.write(`${what}\n`);
    return String(await answer);
  }

  end(): void {
    this.child.stdin!.end();
  }
}
