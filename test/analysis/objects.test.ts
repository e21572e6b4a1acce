/** Objects beside attention: shares by hand, where the picture is cut, fitted or turned, and of real analyses. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyzeDense } from '../../src/analysis/dense.ts';
import { type Analysis, parseAnalysis } from '../../src/analysis/document.ts';
import { objectsAt, objectsOn, rankedObjects } from '../../src/analysis/object-words.ts';
import { partsOnFrame, withObjects } from '../../src/analysis/objects.ts';
import { analyzeEvent, featuresOf, type OpenModel, openClip, sampleEvent } from '../../src/analysis/pipeline.ts';
import { ribbonOf } from '../../src/analysis/timeline.ts';
import { sum } from '../../src/base/matrix.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { bindWorth } from '../../src/l2caf/worth.ts';
import type { Rectangle } from '../../src/objects/boxes.ts';
import type { PlacedObjects } from '../../src/objects/place.ts';
import { makeClip, makeRotated } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';
import { tinyModel } from '../support/tiny-model.ts';

/** Objects with these boxes on every frame, by the places of the objects. */
function still(...boxes: readonly (readonly [object: number, box: Rectangle])[]): PlacedObjects {
  const count = 1 + Math.max(...boxes.map(([object]) => object));
  return {
    ...{ path: '/boxes.csv', format: 'CSV', notes: [], warnings: [] },
    objects: Array.from({ length: count }, (_, i) => ({ name: `car ${i}`, id: String(i), label: 'car' })),
    at: () => boxes.map(([object, box]) => ({ object, box })),
  };
}

/** The example's filter, [0.8, -0.6, 0, 0] on 2 by 2 cells, over pictures of 640 by 360 pixels. */
function figuresOf(
  objects: PlacedObjects,
  more: Partial<Analysis> = {},
): NonNullable<Analysis['frames'][0]['objects']> {
  const analysis = withObjects({ ...exampleAnalysis(), ...more }, objects, () => undefined);
  parseAnalysis(JSON.parse(JSON.stringify(analysis)), 'it'); // what is made can be read
  return analysis.frames[0]!.objects!;
}

const UPPER_LEFT = { x: 0, y: 0, width: 320, height: 180 };

describe('the share of an object', () => {
  it('is that of the energy, and cells that its box cuts count by area', () => {
    const half = { x: 160, y: 0, width: 320, height: 180 };
    const { share, area, each } = figuresOf(still([0, UPPER_LEFT], [1, half]));
    expect(each[0]).toMatchObject({ object: 0, share: expect.closeTo(0.64, 9), area: 0.25, boxes: [UPPER_LEFT] });
    expect(each[1]).toMatchObject({ object: 1, share: expect.closeTo(0.5 * 0.64 + 0.5 * 0.36, 9), area: 0.25 });
    // Together: the left cell whole, half of the right one.
    expect({ share, area }).toEqual({ share: expect.closeTo(0.64 + 0.5 * 0.36, 9), area: 0.375 });
  });

  it('lies where the picture is: of a part of it (--crop, black bars)', () => {
    const source = { ...exampleAnalysis().source, crop: { x: 320, y: 180, width: 320, height: 180 } };
    const { each } = figuresOf(still([0, { x: 320, y: 180, width: 160, height: 90 }], [1, UPPER_LEFT]), { source });
    expect(each[0]).toMatchObject({ share: expect.closeTo(0.64, 9), area: 0.25 });
    expect(each[1]).toMatchObject({ share: 0, area: 0 }); // the network does not see it
  });

  it.each([
    // 640x360 on a square: of the picture's middle 360x360, or of a square of 640x640 with bars of 140 above and below.
    ['cover' as const, { x: 140, y: 0, width: 180, height: 180 }, 0.64, 0.25],
    ['contain' as const, { x: 0, y: 0, width: 320, height: 180 }, 0.64, 0.25],
    ['stretch' as const, { x: 0, y: 0, width: 320, height: 180 }, 0.64, 0.25],
    ['contain' as const, { x: 0, y: 0, width: 320, height: 90 }, 0.32, 0.125],
  ])('lies where the picture is: --resize %s', (resize, box, share, area) => {
    const model: Analysis['model'] = {
      ...{ kind: 'imported', id: 'net', sha256: 'a'.repeat(64), format: 'onnx', layer: 'x', layout: 'b h w c' },
      ...{ output: 'y', inputSize: { width: 64, height: 64 }, grid: { height: 2, width: 2 } },
      ...(resize !== 'stretch' && { resize }),
    };
    const { each } = figuresOf(still([0, box]), { model });
    expect(each[0]).toMatchObject({ share: expect.closeTo(share, 6), area: expect.closeTo(area, 6) });
  });
});

describe('a document with objects', () => {
  it('has means over the frames that show an object, and says how many show none', () => {
    const objects = still([0, UPPER_LEFT]);
    const seldom = { ...objects, at: (time: number) => (time < 1 ? objects.at(time) : []) };
    const loss = new Map([[0, { lost: 0.5, elsewhere: 0.125 }]]);
    const analysis = withObjects(exampleAnalysis(), seldom, (frame) => (frame === 0 ? loss : new Map()));
    expect(analysis.objects!.list).toEqual([
      {
        ...{ name: 'car 0', id: '0', label: 'car', frames: 1 },
        ...{ share: expect.closeTo(0.64, 9), area: 0.25, lost: 0.5, lostElsewhere: 0.125 },
      },
    ]);
    expect(analysis.objects!.share).toBeCloseTo(0.32, 9);
    expect(analysis.warnings.at(-1)).toBe('1 of 2 frames have no boxes of objects');
    expect(rankedObjects(analysis)).toMatchObject([{ place: 0, overall: expect.closeTo(0.32, 9) }]);
    expect(ribbonOf(analysis).objects!.lines).toMatchObject([
      { name: 'on any object', shares: [expect.closeTo(0.64, 9), 0] },
      { name: 'on car 0', shares: [expect.closeTo(0.64, 9), 0] },
    ]);
  });

  it('is refused where a frame names an object that is not there', () => {
    const analysis = withObjects(exampleAnalysis(), still([0, UPPER_LEFT]), () => undefined);
    const frames = analysis.frames.map((frame) => ({
      ...frame,
      objects: { ...frame.objects!, each: frame.objects!.each.map((one) => ({ ...one, object: 1 })) },
    }));
    expect(() => parseAnalysis({ ...analysis, frames }, 'it')).toThrow(
      /a frame names an object that is not in the list/,
    );
  });

  it('shows boxes on sampled frames, and on the way between near ones', () => {
    const moving = {
      ...still([0, UPPER_LEFT]),
      at: (time: number) => still([0, { ...UPPER_LEFT, x: 100 * time }]).at(0),
    };
    const example = exampleAnalysis();
    const frames = [0.5, 1, 2].map((timestampSec) => ({ ...example.frames[0]!, timestampSec }));
    const analysis = withObjects({ ...example, frames }, moving, () => undefined);
    expect(objectsOn(analysis, 1)).toMatchObject([{ x: 100, name: 'car 0', share: expect.any(Number) }]);
    expect(objectsAt(analysis, 1)).toEqual(objectsOn(analysis, 1));
    const [between] = objectsAt(analysis, 0.75);
    expect(between).toMatchObject({ x: 75, name: 'car 0' });
    expect(between!.share).toBeUndefined();
    expect(objectsAt(analysis, 1.5)).toEqual([]);
    expect(objectsAt(analysis, 3)).toEqual([]);
  });
});

describe('an analysis', () => {
  let folder: string;
  let model: OpenModel;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'l2caf-objects-'));
    model = await tinyModel('wasm');
  });
  afterAll(async () => {
    model.network.dispose();
    await rm(folder, { recursive: true });
  });

  const objects = still([0, { x: 0, y: 0, width: 80, height: 48 }], [1, { x: 0, y: 0, width: 160, height: 96 }]);

  it.each([false, true])('empties objects on the frames of an event; finer maps: %s', async (fine) => {
    const { clip, span } = await openClip(await makeClip(join(folder, `a-${fine}.mp4`)), {});
    await analyzeEvent(model, { clip, span, frames: 3, seed: 0, fine }); // what is kept from the first time on
    const before = tf.memory().numTensors;
    const analysis = await analyzeEvent(model, { clip, span, frames: 3, seed: 0, objects, fine });
    expect(tf.memory().numTensors).toBe(before);
    const tail = model.network.tail(await featuresOf(model, await sampleEvent(model, { clip, span, frames: 3 })));
    const keeping = Float32Array.from([0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]); // 4 by 4 cells
    for (const [slot, { objects: found }] of analysis.frames.entries()) {
      const [quarter, whole] = found!.each;
      expect(quarter!.area).toBeCloseTo(0.25, 6);
      expect(whole).toMatchObject({
        share: 1,
        area: 1,
        lost: expect.closeTo(1, 5),
        lostElsewhere: expect.closeTo(1, 5),
      });
      const [without, nothing] = [
        await tail.evaluate(keeping, [slot]),
        await tail.evaluate(new Float32Array(16), [slot]),
      ];
      const worth = bindWorth({ kind: 'oblivious' }, tail.reference, nothing);
      expect(quarter!.lost).toBeCloseTo(1 - worth(without), 4);
    }
    tail.dispose();
    parseAnalysis(JSON.parse(JSON.stringify(analysis)), 'it');
  });

  it('in windows has the mean of the losses of their frames', async () => {
    const { clip, span } = await openClip(await makeClip(join(folder, 'dense.mp4'), { frames: 50 }), {});
    const shared = { clip, frames: 3, seed: 0, objects };
    const dense = await analyzeDense(model, { ...shared, span, windowSec: 1.2, strideSec: 0.4 });
    const lost: number[][] = dense.frames.map(() => []);
    for (const { startSec, endSec, frames } of dense.windows!) {
      const alone = await analyzeEvent(model, { ...shared, span: { startSec, endSec } });
      for (const [slot, frame] of frames.entries()) lost[frame]!.push(alone.frames[slot]!.objects!.each[0]!.lost!);
    }
    for (const [i, { objects: found }] of dense.frames.entries()) {
      expect(found!.each[0]!.lost).toBeCloseTo(sum(lost[i]!) / lost[i]!.length, 4);
    }
    expect(new Set(lost.map(({ length }) => length)).size).toBeGreaterThan(1);
  });

  it('of a turned clip sees objects where they are shown', async () => {
    const { clip } = await openClip(
      await makeRotated(await makeClip(join(folder, 'flat.mp4')), join(folder, 'turned.mp4')),
      {},
    );
    const seen = { source: clip, model: exampleAnalysis().model };
    expect(clip).toMatchObject({ width: 96, height: 160 });
    const [part] = partsOnFrame(still([0, { x: 48, y: 0, width: 48, height: 80 }]), 0, seen, { height: 2, width: 2 });
    expect(Array.from(part!.covered)).toEqual([0, 1, 0, 0]);
  });
});
