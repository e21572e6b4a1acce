import { describe, expect, it } from 'vitest';
import { sharingNote, targetName } from '../../src/analysis/model-words.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

/** An analysis whose frames have their maps from these slices. */
function ofSlices(slices: readonly (number | undefined)[]) {
  const [frame] = exampleAnalysis().frames;
  return { frames: slices.map((slice) => ({ ...frame!, ...(slice !== undefined && { slice }) })) };
}

describe('frames that share a map', () => {
  it.each([
    [[undefined, undefined], undefined],
    [[0, 1, 2], undefined],
    [[0, 0, 0, 1, 1, 1], 'a map for every 3 frames'],
    [[0, 0, 0], 'one map for all frames'],
  ])('of slices %j: %s', (slices, note) => {
    expect(sharingNote(ofSlices(slices))).toBe(note);
  });
});

it.each([
  ['oblivious', 'the whole output'],
  ['class:left turn', 'class left turn'],
  ['output:steering', 'number steering'],
  ['similar:/x/y z.mp4@1.5-4', 'similarity to y z.mp4 1.5–4 s'],
  ['similar:C:\\drives\\a.mp4', 'similarity to a.mp4'],
])('%s is %s', (target, name) => {
  expect(targetName(target)).toBe(name);
});
