/** What is said of a network beside its file: cards and questions, put together and refused. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Card,
  cardBeside,
  cardWith,
  fitNotes,
  fitOf,
  labelsOf,
  preprocessingOf,
  questionsIn,
} from '../../src/models/card.ts';
import { excludedBy, namedQuestions, questionsAmong, questionsOf } from '../../src/models/questions.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-said-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a card', () => {
  it('is put together of two: what is said of another layer or output is forgotten', () => {
    const card: Card = {
      model: 'a',
      input: { frames: 3, mean: 1 },
      layer: { tensor: 'x', layout: 'b c h w' },
      output: { tensor: 'y', labels: ['a'] },
      constants: { a: 1 },
      lambdas: { l: { scale: 1, offset: 0 } },
    };
    expect(cardWith(card, {})).toEqual(card);
    expect(cardWith({}, card)).toEqual(card);
    expect(
      cardWith(card, {
        input: { mean: 2 },
        layer: { layout: 'b h w c' },
        constants: { b: 2 },
        lambdas: { m: { scale: 2, offset: 0 } },
      }),
    ).toEqual({
      ...card,
      ...{ input: { frames: 3, mean: 2 }, layer: { tensor: 'x', layout: 'b h w c' }, constants: { a: 1, b: 2 } },
      lambdas: { l: { scale: 1, offset: 0 }, m: { scale: 2, offset: 0 } },
    });
    expect(cardWith(card, { layer: { tensor: 'z' }, output: { tensor: 'w' } })).toMatchObject({
      layer: { tensor: 'z' },
      output: { tensor: 'w' },
    });
    expect(cardWith(card, { layer: { tensor: 'z' } }).layer).toEqual({ tensor: 'z' });
    expect(cardWith(card, { layer: { tensor: 'x', grid: [1, 1, 1] } }).layer).toEqual({
      tensor: 'x',
      layout: 'b c h w',
      grid: [1, 1, 1],
    });
  });

  it('says how pictures of another shape are fitted', () => {
    const of = (input: NonNullable<Card['input']>) => [fitOf({ input }), fitNotes({ input })];
    expect(of({})).toEqual([{}, []]);
    expect(of({ resize: 'stretch', padding: 1 })).toEqual([{}, []]);
    expect(of({ resize: 'cover', padding: 1 })).toEqual([{ resize: 'cover' }, []]);
    expect(of({ resize: 'contain' })).toEqual([
      { resize: 'contain' },
      ['pictures of another shape get black bars (input.padding in the card says another colour)'],
    ]);
    expect(of({ resize: 'contain', padding: 7 })).toEqual([{ resize: 'contain', padding: [7, 7, 7] }, []]);
    expect(of({ resize: 'contain', padding: [1, 2, 3] })).toEqual([{ resize: 'contain', padding: [1, 2, 3] }, []]);
    expect([fitOf({}), fitNotes({})]).toEqual([{}, []]);
  });

  it('says how pictures become numbers', () => {
    const of = (input: NonNullable<Card['input']>, kind = {}) => preprocessingOf({ input }, 'net', kind);
    expect(of({ range: [0, 1] })).toEqual({ bgr: false, range: [0, 1], mean: [0, 0, 0], std: [1, 1, 1] });
    expect(of({ mean: 5, channels: 'BGR' })).toEqual({ bgr: true, range: [0, 1], mean: [5, 5, 5], std: [1, 1, 1] });
    expect(of({ std: [1, 2, 3] })).toEqual({ bgr: false, range: [0, 1], mean: [0, 0, 0], std: [1, 2, 3] });
    expect(of({}, { isBytes: true })).toEqual({ bgr: false, range: [0, 255], mean: [0, 0, 0], std: [1, 1, 1] });
    expect(of({ range: [0, 255], mean: 0, std: 1 }, { isBytes: true }).range).toEqual([0, 255]);
    expect(of({ mean: 3, std: 2 }, { isGrey: true }).mean).toEqual([3, 3, 3]);
    for (const [input, kind, code, message] of [
      [{}, {}, 'usage', 'net does not say how it wants its pictures: which numbers black and white are'],
      [{ std: 0 }, {}, 'model-invalid', 'net: input.std: 0, 0, 0 is not above 0'],
      [{ std: [1, -1, 1] }, {}, 'model-invalid', 'net: input.std: 1, -1, 1 is not above 0'],
      [{ range: [1, 1] }, {}, 'model-invalid', 'net: input.range: 1, 1: all pictures would be the same'],
      ...(
        [{ range: [0, 1] }, { mean: 1 }, { std: 2 }, { range: [1, 255] }, { mean: [0, 0, 1], range: [0, 255] }] as const
      ).map(
        (own) =>
          [
            own,
            { isBytes: true },
            'usage',
            'net takes pictures as bytes, from 0 to 255, and makes them numbers itself',
          ] as const,
      ),
      [
        { mean: [1, 1, 2] },
        { isGrey: true },
        'usage',
        'net takes grey pictures: mean and std are one number each, not three',
      ],
      [
        { std: [1, 2, 2] },
        { isGrey: true },
        'usage',
        'net takes grey pictures: mean and std are one number each, not three',
      ],
    ] as const)
      expect(() => of(input as NonNullable<Card['input']>, kind)).toThrow(expect.objectContaining({ code, message }));
  });

  it('may have its labels in a file, whose last line may end, and lies beside the network', async () => {
    for (const text of ['a\nb\n', 'a\r\nb']) {
      await writeFile(join(folder, 'labels.txt'), text);
      expect(await labelsOf({ output: { labels: 'labels.txt' } }, folder)).toEqual(['a', 'b']);
    }
    await writeFile(join(folder, 'labels.txt'), 'a\n\nb\n');
    expect(await labelsOf({ output: { labels: 'labels.txt' } }, folder)).toEqual(['a', '', 'b']);
    expect([await labelsOf({}, folder), await labelsOf({ output: { labels: ['x'] } }, folder)]).toEqual([
      undefined,
      ['x'],
    ]);
    expect(await cardBeside(join(folder, 'none.onnx'))).toEqual({});
    await writeFile(join(folder, 'bad.json'), '{');
    await expect(cardBeside(join(folder, 'bad.onnx'))).rejects.toMatchObject({ code: 'model-invalid' });
  });
});

describe('questions', () => {
  const labels = ['a', 'b', 'c', 'd'];
  const named = [
    { name: 'one', labels: ['a', 'b'], temperature: 2 },
    { name: 'two', labels: ['c', 'd'], others: ['a'] },
  ];

  it('are known by names or by places', () => {
    const questions = questionsAmong(labels, named, 'net');
    expect(questions).toEqual([
      { name: 'one', answers: [0, 1], temperature: 2 },
      { name: 'two', answers: [2, 3], others: [0] },
    ]);
    expect(namedQuestions(labels, questions)).toEqual(named);
    expect(excludedBy(1, questions)).toEqual({ classes: [0, 1], temperature: 2 });
    expect(excludedBy(3, questions)).toEqual({ classes: [2, 3, 0], temperature: 1 });
    expect([excludedBy(4, questions), excludedBy(0, undefined)]).toEqual([undefined, undefined]);
    expect(questionsIn({}, labels, 'net')).toEqual({});
    expect(questionsIn({ questions: named }, labels, 'net')).toEqual({ questions });
  });

  it.each([
    [[{ name: 'q', labels: ['a', 'x'] }], 'net: a question names x, which is not among its labels'],
    [[{ name: 'q', labels: ['a', 'b', 'c'] }], 'net: d answers 0 questions, not one'],
    [[...named, { name: 'three', labels: ['c'] }], 'net: c answers 2 questions, not one'],
  ])('must fit the labels (%#)', (wrong, message) => {
    expect(() => questionsAmong(labels, wrong, 'net')).toThrow(
      expect.objectContaining({ code: 'model-invalid', message }),
    );
  });

  it('of data sets take the classes that no other took', () => {
    const of = (...sets: readonly (readonly string[])[]) =>
      questionsOf(
        labels,
        sets.map((own, i) => ({ name: `set${i}`, labels: new Set(own) })),
      );
    expect(of(['a', 'b'], ['b', 'c'], ['a'])).toEqual([
      { name: 'set0', answers: [0, 1] },
      { name: 'set1', answers: [2], others: [1] },
    ]);
  });
});
