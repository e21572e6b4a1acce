/** Analyses bring their embeddings; what they do not say is not made up. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { readAnalyses } from '../../src/retrieval/analyses.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-analyses-'));
  await writeAnalysis(join(folder, 'set', 'b', 'analysis.json'), exampleAnalysis({ sha256: 'd'.repeat(64) }));
  await writeAnalysis(join(folder, 'set', 'a', 'analysis.json'), exampleAnalysis());
  const longer = exampleAnalysis();
  await writeAnalysis(join(folder, 'longer.json'), { ...longer, frames: [longer.frames[0]!, ...longer.frames] });
});
afterAll(() => rm(folder, { recursive: true }));

it('finds the analyses of a folder and calls them as their folders', async () => {
  const { model, records, embed } = await readAnalyses([join(folder, 'set')]);
  expect(records.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(records[1]).toEqual({
    id: 'b',
    video: '/clips/a.mp4',
    videoSha256: 'd'.repeat(64),
    span: { startSec: 0, endSec: 3 },
  });
  expect(model.name).toBe('untrained-0, 2 frames of 64x64');
  expect(await embed([1], () => {})).toEqual([Float32Array.of(0.5, -0.25)]);
});

it('refuses analyses of different models, and folders without one', async () => {
  const mixed = readAnalyses([join(folder, 'set'), join(folder, 'longer.json')]);
  await expect(mixed).rejects.toThrow(/longer\.json was made with the model untrained-0, 3 frames .* with .*2 frames/);
  await expect(readAnalyses([await mkdtemp(join(folder, 'empty-'))])).rejects.toThrow(/no analysis\.json in/);
  await expect(readAnalyses([join(folder, 'gone')])).rejects.toMatchObject({ code: 'input-not-found' });
});
