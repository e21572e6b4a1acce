/** Cards: what they say is checked, and the command line says it better. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Card,
  cardPath,
  cardWith,
  checkCard,
  labelsOf,
  normCard,
  preprocessingOf,
  readCard,
} from '../../src/models/card.ts';
import { NORMS } from '../../src/models/choices.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-card-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CARD: Card = {
  model: 'net.onnx',
  input: {
    name: 'frames',
    layout: 'b t c h w',
    frames: 8,
    size: [112, 96],
    resize: 'stretch',
    channels: 'BGR',
    range: [0, 1],
    mean: [0.4, 0.4, 0.4],
    std: 0.2,
    sampling: 'uniform',
  },
  constants: { flow: 'flow.npy', scale: 2, both: [1, 2] },
  layer: { tensor: 'features', layout: 'b c t h w', grid: [1, 7, 7] },
  filter: 'slice',
  output: { tensor: 'logits', kind: 'scores', labels: 'labels.txt' },
};

describe('a card', () => {
  it('lies beside the file and is read as it is', async () => {
    const path = cardPath(join(folder, 'net.v2.onnx'));
    expect(path).toBe(join(folder, 'net.v2.json'));
    await writeFile(path, JSON.stringify(CARD));
    expect(await readCard(path)).toEqual(CARD);
  });

  it.each<[string, unknown]>([
    ['colour', { colour: 'RGB' }],
    ['input.channels', { input: { channels: 'GRB' } }],
    ['input.frames', { input: { frames: 0 } }],
    ['input.size', { input: { size: [112] } }],
    ['input.mean', { input: { mean: [1, 2] } }],
    ['input.sampling', { input: { sampling: 'random' } }],
    ['layer.grid', { layer: { grid: [7] } }],
    ['filter', { filter: 'all' }],
    ['output.kind', { output: { kind: 'logits' } }],
    ['output.labels', { output: { labels: [] } }],
    ['constants.x', { constants: { x: null } }],
    ['card', []],
  ])('that is wrong at %s is refused there', (field, json) => {
    const error = thrownBy(() => checkCard(json, 'net.json'));
    expect(error).toMatchObject({ code: 'model-invalid' });
    expect(error.message).toContain(field);
  });

  it('must be JSON', async () => {
    const path = join(folder, 'text.json');
    await writeFile(path, '{ "model": ');
    await expect(readCard(path)).rejects.toMatchObject({ code: 'model-invalid', message: `${path} is not JSON` });
    await expect(readCard(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'input-not-found' });
  });
});

describe('what the command line says', () => {
  it('counts, and leaves the rest', () => {
    const merged = cardWith(CARD, { input: { frames: 4 }, constants: { scale: 3 }, filter: 'volume' });
    expect(merged).toEqual({
      ...CARD,
      input: { ...CARD.input, frames: 4 },
      constants: { ...CARD.constants, scale: 3 },
      filter: 'volume',
    });
    expect(cardWith({}, {})).toEqual({});
    expect(cardWith(CARD, {})).toEqual(CARD);
  });

  it('of another layer or output makes that of the first forgotten', () => {
    const merged = cardWith(CARD, { layer: { tensor: 'early' }, output: { tensor: 'embedding' } });
    expect(merged.layer).toEqual({ tensor: 'early' });
    expect(merged.output).toEqual({ tensor: 'embedding' });
    expect(cardWith(CARD, { layer: { tensor: 'features' }, output: { kind: 'numbers' } })).toMatchObject({
      layer: CARD.layer,
      output: { tensor: 'logits', kind: 'numbers', labels: 'labels.txt' },
    });
  });
});

describe('how pictures are given', () => {
  it('is asked for', () => {
    const error = thrownBy(() => preprocessingOf({ input: { channels: 'BGR' } }, 'net.onnx'));
    expect(error).toMatchObject({ code: 'usage' });
    for (const norm of NORMS) expect((error as unknown as { hint: string }).hint).toContain(`--norm ${norm}`);
  });

  it.each(NORMS)('%s is a norm', (norm) => {
    const { range, std } = preprocessingOf({ input: normCard(norm) }, 'net.onnx');
    expect(range[1]).toBeGreaterThan(range[0]);
    expect(Math.min(...std)).toBeGreaterThan(0);
    expect(checkCard({ input: normCard(norm) }, 'net.json')).toEqual({ input: normCard(norm) });
  });

  it.each<[string, Card['input']]>([
    ['input.std', { std: 0 }],
    ['input.std', { std: [1, 0, 1] }],
    ['input.std', { std: -1 }],
    ['input.range', { range: [1, 1] }],
  ])('makes no sense with %s %j', (field, input) => {
    const error = thrownBy(() => preprocessingOf({ input }, 'net.onnx'));
    expect(error).toMatchObject({ code: 'model-invalid' });
    expect(error.message).toContain(field);
  });
});

it('labels are a list, or lines of a file beside the card', async () => {
  await writeFile(join(folder, 'labels.txt'), 'left\r\nright\n\nstop\n');
  expect(await labelsOf(CARD, folder)).toEqual(['left', 'right', '', 'stop']);
  expect(await labelsOf({ output: { labels: ['a', 'b'] } }, folder)).toEqual(['a', 'b']);
  expect(await labelsOf({}, folder)).toBeUndefined();
  await expect(labelsOf({ output: { labels: 'none.txt' } }, folder)).rejects.toMatchObject({ code: 'input-not-found' });
});

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
