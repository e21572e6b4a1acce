/** What processes that were killed were writing goes, and nothing else. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeFileAtomically } from '../../src/base/files.ts';
import { TEMPORARY, temporaryName } from '../../src/base/temporary.ts';

it('removes what an ended process was writing to a folder, when another writes there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-temporary-'));
  const own = await temporaryName('overlay.mp4');
  expect(own).toMatch(TEMPORARY);
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const of = (place: string, pid: number, rest: string): string =>
    `.${place}${pid.toString(16).padStart(8, '0')}${rest}`;
  const [place, rest] = [own.slice(1, 9), own.slice(17)];
  const there = 'f'.repeat(8); // on another machine
  const kept = [own, of(there, ended, rest), of(there, 1, rest), '.0123456789abcdef.part.mp4', 'mine.part.mp4'];
  const left = [of(place, ended, rest), of(there, 2, rest)];
  for (const name of [...kept, ...left]) await writeFile(join(folder, name), 'a part');
  await utimes(join(folder, left[1]!), new Date(0), new Date(0));
  await writeFileAtomically(join(folder, 'strip.txt'), 'whole');
  expect((await readdir(folder)).sort()).toEqual([...kept, '.l2caf', 'strip.txt'].sort());
  await rm(folder, { recursive: true });
});

it('gives names that fit, whatever the extension', async () => {
  expect(await temporaryName(`a.${'x'.repeat(250)}`)).toMatch(/^\.[0-9a-f]{24}\.part$/);
  expect(await temporaryName('a.mp4')).toMatch(/^\.[0-9a-f]{24}\.part\.mp4$/);
});
