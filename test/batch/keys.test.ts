/** Which files an option makes again: those whose content it changes, and no others. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUTS } from '../../src/batch/choices.ts';
import type { BatchEvent } from '../../src/batch/events.ts';
import { type BatchSettings, type DrawSettings, keysOf } from '../../src/batch/outputs.ts';
import { defaultStyle } from '../../src/video/drawing/style.ts';
import { tinyBatchModel } from './tiny-batch.ts';

let cache: string;
let settings: BatchSettings;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'l2caf-batch-keys-'));
  process.env['L2CAF_CACHE'] = cache;
  const analysis = { frames: 3, seed: 0, target: { kind: 'oblivious' } } as const;
  settings = { model: await tinyBatchModel(), analysis, draw: {}, outputs: OUTPUTS };
});
afterAll(() => rm(cache, { recursive: true }));

const event: BatchEvent = {
  id: 'one',
  video: 'a.mp4',
  facts: {
    clip: {
      path: '/clips/a.mp4',
      width: 64,
      height: 64,
      frameRate: { numerator: 10, denominator: 1 },
      durationSec: 6,
      rotationDeg: 0,
      hasAudio: false,
      pixelFormat: 'yuv420p',
      identity: 'one',
    },
    sha256: 'a'.repeat(64),
  },
  span: { startSec: 0, endSec: 3 },
  label: '',
  split: '',
  listed: [],
  extra: {},
};

/** The outputs whose keys are others. */
function changedBy(other: { settings?: Partial<BatchSettings>; event?: Partial<BatchEvent> }): string {
  const [before, after] = [
    keysOf(event, settings),
    keysOf({ ...event, ...other.event }, { ...settings, ...other.settings }),
  ];
  return OUTPUTS.filter((output) => before[output] !== after[output]).join(' ');
}

describe('what is made again', () => {
  it.each<[string, DrawSettings]>([
    ['mp4', { ribbon: true }],
    ['mp4', { audio: false }],
    ['mp4', { scale: { height: 480 } }],
    ['thumbnail strip mp4', { style: { ...defaultStyle, colormap: 'magma' } }],
    ['thumbnail strip mp4', { normalize: 'clip' }],
    ['thumbnail strip mp4', { signed: true }],
    ['thumbnail strip mp4 report', { ignore: [{ x: 0, y: 0, width: 8, height: 8 }] }],
  ])('%s with %j', (outputs, draw) => {
    expect(changedBy({ settings: { draw } })).toBe(outputs);
  });

  it('is everything with another analysis, network, span, video or label', () => {
    const all = OUTPUTS.join(' ');
    const { model, analysis } = settings;
    const { facts } = event;
    expect(changedBy({ settings: { analysis: { ...analysis, seed: 1 } } })).toBe(all);
    expect(changedBy({ settings: { model: { ...model, backend: 'tensorflow' } } })).toBe(all);
    expect(changedBy({ event: { span: { startSec: 0, endSec: 2.5 } } })).toBe(all);
    expect(changedBy({ event: { facts: { ...facts, sha256: 'b'.repeat(64) } } })).toBe(all);
    const crop = { x: 0, y: 8, width: 64, height: 48 };
    expect(changedBy({ event: { facts: { ...facts, clip: { ...facts.clip, crop } } } })).toBe(all);
    expect(changedBy({ event: { facts: { ...facts, clip: { ...facts.clip, hidden: [crop] } } } })).toBe(all);
    expect(changedBy({ settings: { analysis: { ...analysis, windows: { isDense: true, windowSec: 1 } } } })).toBe(all);
    expect(changedBy({ event: { listed: [{ id: 'one', label: 'turn', startSec: 0, endSec: 3 }] } })).toBe(all);
  });

  it('is nothing with other outputs, or with another name, split or further column', () => {
    expect(changedBy({ settings: { outputs: [] } })).toBe('');
    const windows = { isDense: true, windowSec: 8 }; // none fits
    expect(changedBy({ settings: { analysis: { ...settings.analysis, windows } } })).toBe('');
    expect(changedBy({ event: { id: 'two', split: 'test', extra: { weather: 'rain' } } })).toBe('');
  });
});
