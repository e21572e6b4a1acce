import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { LOCK } from '../../src/base/lock.ts';
import { type FreeFolder, freeName, inOwnFolder, inTurn, isAbout, isOfOther } from '../../src/cli/default-folder.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-default-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The folder that results of a clip get, which then holds them. */
async function nextFolder(clip: string): Promise<string> {
  const sha256 = await sha256OfFile(clip);
  const name = await freeName(join(folder, 'out', 'cam'), (each) =>
    isOfOther(join(each, 'analysis.json'), isAbout(clip, sha256)),
  );
  await writeAnalysis(join(name, 'analysis.json'), exampleAnalysis({ path: clip, sha256 }));
  return name.slice(join(folder, 'out').length + 1);
}

it('gives clips of one name folders of their own, and a clip the same one again', async () => {
  const clips = ['day1', 'day2', 'day3'].map((day) => join(folder, day, 'cam.mp4'));
  for (const clip of clips) {
    await mkdir(join(clip, '..'));
    await writeFile(clip, clip);
  }
  const [first, second, third] = clips as [string, string, string];
  expect(await nextFolder(first)).toBe('cam');
  expect(await nextFolder(second)).toBe('cam-2');
  expect(await nextFolder(first)).toBe('cam');
  expect(await nextFolder(third)).toBe('cam-3');
  expect(await nextFolder(second)).toBe('cam-2');
  await writeFile(second, 'cut again'); // the same clip, of another content
  expect(await nextFolder(second)).toBe('cam-2');
  await rename(third, join(folder, 'moved.mp4')); // the same content, elsewhere
  expect(await nextFolder(join(folder, 'moved.mp4'))).toBe('cam-3');
  await symlink('day1', join(folder, 'link'));
  expect(await nextFolder(join(folder, 'link', 'cam.mp4'))).toBe('cam');
});

it('leaves it to the guard of outputs what is no document', async () => {
  for (const text of ['', 'not JSON', '{}', '{"source":{}}', 'null']) {
    await writeFile(join(folder, 'document.json'), text);
    expect(await isOfOther(join(folder, 'document.json'), isAbout('clip.mp4', 'x'))).toBe(false);
  }
  expect(await isOfOther(join(folder, 'none.json'), isAbout('clip.mp4', 'x'))).toBe(false);
});

it('gives a folder to one run at a time', async () => {
  const wanted = (clip: string): FreeFolder => ({
    name: join(folder, 'at-once', 'cam'),
    isTaken: (each) => isOfOther(join(each, 'analysis.json'), isAbout(clip, clip.repeat(64))),
  });
  const run = (clip: string): Promise<string> =>
    inOwnFolder(wanted(clip), async (own) => {
      await setTimeout(20); // the work
      await writeAnalysis(join(own, 'analysis.json'), exampleAnalysis({ path: clip, sha256: clip.repeat(64) }));
      return own.slice(join(folder, 'at-once').length + 1);
    });
  expect((await Promise.all(['a', 'b', 'c'].map(run))).sort()).toEqual(['cam', 'cam-2', 'cam-3']);
  for (const name of ['cam', 'cam-2', 'cam-3']) {
    expect(await readdir(join(folder, 'at-once', name))).toEqual(['analysis.json']);
  }
});

it('lets runs write to one folder in turns', async () => {
  const shared = join(folder, 'in-turns');
  const steps: string[] = [];
  const run = (name: string): Promise<void> =>
    inTurn(shared, async () => {
      steps.push(`${name} begins`);
      await setTimeout(30);
      steps.push(`${name} ends`);
    });
  await Promise.all(['a', 'b', 'c'].map(run));
  expect(steps.map((step) => step.slice(2))).toEqual(Array(3).fill(['begins', 'ends']).flat());
  expect(new Set(steps).size).toBe(6);
});

it('refuses the folder that was asked for while another run is in it', async () => {
  const own = join(folder, 'asked', 'for');
  let end = (): void => {};
  const first = inOwnFolder(own, () => new Promise<void>((resolve) => (end = resolve)));
  await vi.waitFor(async () => expect(await readdir(own)).toContain(LOCK));
  const second = inOwnFolder(own, async () => {});
  await expect(second).rejects.toMatchObject({ code: 'output-unwritable', message: /another run/, hint: /-o/ });
  end();
  await first;
  await expect(inOwnFolder(own, () => Promise.reject(new Error('stopped')))).rejects.toThrow('stopped');
  expect(await readdir(own)).toEqual([]);
  await expect(inOwnFolder(join(own, 'a', 'b'), () => Promise.reject(new Error('stopped')))).rejects.toThrow('stopped');
  expect(await readdir(own)).toEqual([]);
});
