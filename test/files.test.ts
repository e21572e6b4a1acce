import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../src/files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('sha256OfFile', () => {
  const expected = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('sees that a file was written again, with the same size, too', async () => {
    const path = join(folder, 'clip.mp4');
    await writeFile(path, 'first');
    expect(await sha256OfFile(path)).toBe(expected('first'));
    expect(await sha256OfFile(path)).toBe(expected('first'));
    await writeFile(path, 'again');
    expect(await sha256OfFile(path)).toBe(expected('again'));
  });

  it('fails for a file that is not there, and works once it is', async () => {
    const path = join(folder, 'late.mp4');
    await expect(sha256OfFile(path)).rejects.toThrow('ENOENT');
    await writeFile(path, 'here');
    expect(await sha256OfFile(path)).toBe(expected('here'));
  });
});
