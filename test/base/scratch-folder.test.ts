import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thisProcess } from '../../src/base/holder.ts';
import { unwritable } from '../../src/base/output.ts';
import { makeScratchFolder, withScratchFolder } from '../../src/base/scratch-folder.ts';

let parent: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'scratch-test-'));
});

afterEach(async () => {
  await rm(parent, { recursive: true });
});

/** Makes a folder in another process, which then ends as `ending` says; what is left of it. */
async function leftBy(ending: string): Promise<string[]> {
  const module = JSON.stringify(resolve('dist/base/scratch-folder.js'));
  const program = `const { makeScratchFolder } = await import(${module});
    await makeScratchFolder('use-', ${JSON.stringify(parent)}); ${ending}`;
  spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  return readdir(parent);
}

describe('a folder for the time of some work', () => {
  it('is empty but for whose it is, and goes with all that is in it', async () => {
    const { path, remove } = await makeScratchFolder('use-', parent);
    expect(await readdir(path)).toEqual(['holder.json']);
    await mkdir(join(path, 'more'));
    await writeFile(join(path, 'more', 'file'), 'x');
    await remove();
    expect(await readdir(parent)).toEqual([]);
  });

  it('goes when the work fails, whose error is told', async () => {
    let made = '';
    const work = withScratchFolder('l2caf-scratch-test-', async (path) => {
      made = path;
      await writeFile(join(path, 'file'), 'x');
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    await expect(readdir(made)).rejects.toThrow('ENOENT');
  });

  it('goes with a process that ends, in whatever way', async () => {
    expect(await leftBy('process.exit(3)')).toEqual([]);
    expect(await leftBy('throw new Error()')).toEqual([]);
  });

  it('goes with the next one of its kind where the process was killed', async () => {
    expect(await leftBy("process.kill(process.pid, 'SIGKILL')")).toHaveLength(1);
    const { path } = await makeScratchFolder('use-', parent);
    expect((await readdir(parent)).map((name) => join(parent, name))).toEqual([path]);
  });

  it('leaves those of processes at work, of machines elsewhere, and what is not its own', async () => {
    const { path } = await makeScratchFolder('use-', parent);
    const { place, ...me } = await thisProcess();
    const elsewhere = join(parent, 'use-elsewhere');
    await mkdir(elsewhere);
    await writeFile(
      join(elsewhere, 'holder.json'),
      JSON.stringify({ ...me, place: { ...place, host: 'faraway', boot: 'x' } }),
    );
    await mkdir(join(parent, 'use-begun'));
    await mkdir(join(parent, 'used'));
    const next = await makeScratchFolder('use-', parent);
    expect((await readdir(parent)).sort()).toEqual(
      ['use-begun', 'use-elsewhere', 'used', path.slice(parent.length + 1), next.path.slice(parent.length + 1)].sort(),
    );
  });

  it('cannot be made where there is no room for it', async () => {
    await expect(makeScratchFolder('use-', join(parent, 'nowhere'))).rejects.toMatchObject({
      code: 'output-unwritable',
      message: `cannot write temporary files to ${join(parent, 'nowhere')}: there is no such file or folder`,
      hint: expect.stringContaining('TMPDIR'),
    });
  });

  it('that is full is what is told of, whatever was made there and read', async () => {
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'write' });
    const fail = (error: (path: string) => Error): Promise<never> =>
      withScratchFolder('l2caf-scratch-test-', (path) => Promise.reject(error(path)));
    const told = {
      code: 'output-unwritable',
      message: `cannot write temporary files to ${tmpdir()}: the disk is full`,
      hint: expect.stringContaining('TMPDIR'),
    };
    await expect(fail(() => full)).rejects.toMatchObject(told);
    await expect(fail((path) => unwritable(join(path, 'clip.mp4'), full))).rejects.toMatchObject(told);
    await expect(fail(() => unwritable('/elsewhere/overlay.mp4', full))).rejects.toThrow('/elsewhere/overlay.mp4');
  });
});
