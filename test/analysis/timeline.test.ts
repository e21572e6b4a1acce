import { describe, expect, it } from 'vitest';
import { gapsOf, ignoredWarnings, keyframesOf, ribbonOf } from '../../src/analysis/timeline.ts';
import type { Keyframe } from '../../src/video/drawing/keyframes.ts';
import { classColor } from '../../src/video/drawing/palette.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

/** Two frames whose attention lies in the upper left cell of a 2×2 grid, on a picture of 640×360. */
const analysis = {
  ...exampleAnalysis(),
  frames: exampleAnalysis().frames.map((frame) => ({
    ...frame,
    filter: { height: 2, width: 2, values: [1, 0, 0, 0] },
  })),
};
const upperLeft = { x: 0, y: 0, width: 320, height: 180 };

describe('ignoredWarnings', () => {
  it('warns when much of the attention is ignored, and says how much of the picture that is', () => {
    expect(ignoredWarnings(analysis, [upperLeft])).toEqual([
      expect.stringMatching(/^[5-9]\d % of the attention lies in ignored parts of the picture \(25 % of its area\)$/),
    ]);
  });

  it('takes a mask of any size for a rectangle', () => {
    const mask = { height: 2, width: 4, values: Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0) };
    expect(ignoredWarnings(analysis, [mask])).toEqual(ignoredWarnings(analysis, [upperLeft]));
  });

  it('is silent when little is', () => {
    expect(ignoredWarnings(analysis, [{ x: 480, y: 270, width: 160, height: 90 }])).toEqual([]);
    expect(ignoredWarnings(analysis)).toEqual([]);
  });

  it('refuses what is not within the picture', () => {
    expect(() => ignoredWarnings(analysis, [{ ...upperLeft, width: 641 }])).toThrow(
      'not within the picture of 640x360',
    );
  });
});

describe('fading', () => {
  const importance = { absent: 'left-out' as const };
  const fading = (...values: number[]) => ({
    ...analysis,
    importance,
    frames: analysis.frames.map((frame, i) => ({ ...frame, importance: values[i]! })),
  });
  const opacities = (...args: Parameters<typeof keyframesOf>) =>
    keyframesOf(...args).map(({ heatmap }) => heatmap.opacity);

  it('goes by the importance of a frame, the most important one fully, none to nothing', () => {
    expect(opacities(fading(0.2, 0.8), { fade: true })).toEqual([expect.closeTo(0.15 + 0.85 / 4, 9), 1]);
    expect(opacities(fading(0.5, -0.1), { fade: true })).toEqual([1, 0.15]);
    expect(opacities(fading(0.5, 1), { fade: true, signed: true })).toEqual([expect.closeTo(0.575, 9), 1]);
  });

  it('is left out where maps share a scale, frames are alike in nothing, or nothing is known', () => {
    const none = [undefined, undefined];
    expect(opacities(fading(0.2, 0.8))).toEqual(none);
    expect(opacities(fading(0.2, 0.8), { fade: true, normalize: 'clip' })).toEqual(none);
    expect(opacities(fading(-0.2, 0), { fade: true })).toEqual(none);
    expect(opacities(analysis, { fade: true })).toEqual(none); // an earlier document
  });
});

describe('keyframes', () => {
  it('lie where the part of the picture lies that the network saw', () => {
    const crop = { x: 320, y: 90, width: 320, height: 180 };
    const [{ heatmap }] = keyframesOf({ ...analysis, source: { ...analysis.source, crop } }) as [Keyframe];
    const at = (x: number, y: number): number =>
      heatmap.values[Math.floor((y / 360) * heatmap.height) * heatmap.width + Math.floor((x / 640) * heatmap.width)]!;
    expect([at(400, 135), at(560, 225)]).toEqual([1, 0]); // the upper left cell of the part, and its lower right
    expect([at(160, 135), at(400, 45), at(560, 300)]).toEqual([0, 0, 0]); // beside, above and below
  });

  it('are the same heatmaps whenever they are read, in any order, and as long as one is shown the same object', () => {
    const frames = Array.from({ length: 40 }, (_, i) => ({
      ...analysis.frames[0]!,
      timestampSec: i,
      filter: { height: 2, width: 2, values: [1, i / 40, 0, 0] },
    }));
    const keyframes = keyframesOf({ ...analysis, frames }, { normalize: 'clip' });
    const forwards = keyframes.map(({ heatmap }) => [...heatmap.values]);
    for (const i of [39, 0, 20, 20, 1]) expect([...keyframes[i]!.heatmap.values]).toEqual(forwards[i]);
    expect(keyframes[3]!.heatmap).toBe(keyframes[3]!.heatmap);
    expect(keyframes[3]!.opposing).toBeUndefined();
  });
});

describe('a dense analysis', () => {
  const window = { frames: [0, 1], losses: [1, 2], embedding: [0] };
  const windows = [
    { ...window, startSec: 0, endSec: 1 },
    { ...window, startSec: 2, endSec: 3 },
  ];

  it('has gaps where no window is; an event has none', () => {
    expect(gapsOf({ ...analysis, windows })).toEqual([{ startSec: 1, endSec: 2 }]);
    expect(gapsOf(analysis)).toEqual([]);
  });

  it('shows the probabilities of its classes', () => {
    const frames = analysis.frames.map((frame, i) => ({ ...frame, probabilities: [i / 4, 1 - i / 4] }));
    expect(ribbonOf({ ...analysis, frames, labels: ['left', 'right'] }).classes?.lines).toEqual([
      { name: 'right', color: classColor(1), shares: [1, 0.75] },
      { name: 'left', color: classColor(0), shares: [0, 0.25] },
    ]);
    expect(ribbonOf({ ...analysis, labels: ['left', 'right'] }).classes).toBeUndefined();
  });
});
