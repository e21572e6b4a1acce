/** The tables of the paper: outcomes that an interrupted run goes on from, their table, and the paper's numbers beside it. */
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAPER_TABLES } from '../../src/evaluation/reproduce/choices.ts';
import { type OutcomesOptions, outcomesOf } from '../../src/evaluation/reproduce/outcomes.ts';
import { besidePaper, readPaperFigures } from '../../src/evaluation/reproduce/paper-figures.ts';
import { paperTable } from '../../src/evaluation/reproduce/paper-table.ts';
import type { StillTruth } from '../../src/evaluation/still-truth.ts';
import { studyStills } from '../../src/evaluation/stills-study.ts';
import { type OpenClassifier, type StillNetwork, stillNetwork } from '../../src/stills/still-network.ts';
import { openTinyClassifier } from '../support/tiny-classifier.ts';
import { namedClasses, writeSpots } from './tiny-stills.ts';

let folder: string;
let model: OpenClassifier;
let stills: StillTruth[];
beforeAll(async () => {
  model = await openTinyClassifier();
  folder = await mkdtemp(join(tmpdir(), 'l2caf-reproduce-'));
  stills = await writeSpots(folder);
});
afterAll(async () => {
  model.network.dispose();
  await rm(folder, { recursive: true });
});

const { table1, table3 } = PAPER_TABLES;

function options(name: string, more: Partial<OutcomesOptions> = {}): OutcomesOptions {
  return { methods: table1.methods, level: 0.2, seed: 0, path: join(folder, name), ...more };
}

/** The network, counting the pictures that it is shown. */
function counting(network: StillNetwork): { readonly network: StillNetwork; shown: number } {
  const counted = {
    shown: 0,
    network: {
      ...network,
      tail: (picture: Parameters<StillNetwork['tail']>[0]) => {
        counted.shown++;
        return network.tail(picture);
      },
    },
  };
  return counted;
}

describe('outcomesOf', () => {
  it.each([
    ['classes', () => namedClasses(model), ['top1', 'top5', 'gtKnown'], table1],
    ['an embedding', () => stillNetwork(model, { asEmbedding: true }), ['recallAt1', 'box'], table3],
  ] as const)('of %s gives the figures of the study', async (name, open, keys, table) => {
    const found = await outcomesOf(open(), stills, options(`${name}.json`, { methods: table.methods }));
    expect(found.methods).toEqual(table.methods);
    expect(found.refused).toEqual([]);
    const figures = await paperTable(table, [{ network: 'tiny', ...found }], { seed: 0, level: 0.2, data: 'squares' });
    const study = await studyStills(open(), stills, { methods: table.methods, level: 0.2, seed: 0 });
    for (const method of table.methods) {
      const [own, other] = [figures.rows, study.table.rows].map((rows) => rows.find((row) => row.name === method)!);
      expect(own).toMatchObject({ group: 'tiny', counts: { pictures: stills.length } });
      for (const key of keys) expect(own!.figures[key]!.value).toBeCloseTo(other!.figures[key]!.value, 10);
    }
    expect(figures.title).toContain('squares');
    const fits = found.outcomes.flatMap((one) => one.fits);
    expect(new Set(fits)).toEqual(new Set([true, false]));
  });

  it('goes on where it was interrupted, with the same result, and begins anew for other pictures', async () => {
    const whole = await outcomesOf(namedClasses(model), stills, options('whole.json'));
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }): void => {
      if (done === 4) stop.abort();
    };
    const interrupted = options('interrupted.json', { signal: stop.signal, onProgress });
    await expect(outcomesOf(namedClasses(model), stills, interrupted)).rejects.toMatchObject({ code: 'aborted' });
    const again = counting(namedClasses(model));
    expect(await outcomesOf(again.network, stills, options('interrupted.json'))).toEqual(whole);
    expect(again.shown).toBe(table1.methods.length + stills.length - 4); // each method is tried on the first picture
    const finished = counting(namedClasses(model));
    expect(await outcomesOf(finished.network, stills, options('interrupted.json'))).toEqual(whole);
    expect(finished.shown).toBe(table1.methods.length);
    const fewer = await outcomesOf(namedClasses(model), stills.slice(1), options('interrupted.json'));
    expect(fewer.outcomes).toEqual(whole.outcomes.slice(1));
  });

  it('measures again what it cannot read', async () => {
    await writeFile(join(folder, 'broken.json'), '{"schema":"l2caf-outcomes/1","key":');
    const { outcomes } = await outcomesOf(namedClasses(model), stills, options('broken.json'));
    expect(outcomes).toHaveLength(stills.length);
  });

  it('leaves out, and names, the methods that a network has not', async () => {
    const early = stillNetwork(model, { layer: 'first' });
    const { indexOf, labelOf } = namedClasses(model).output;
    const network = { ...early, output: { ...early.output, indexOf, labelOf } };
    const found = await outcomesOf(network, stills.slice(0, 2), options('early.json', { methods: ['cam', 'gradcam'] }));
    expect(found.methods).toEqual(['gradcam']);
    expect(found.refused).toEqual([expect.stringContaining('cam needs a network')]);
    const table = await paperTable(table1, [{ network: 'tiny', ...found }], { seed: 0, level: 0.2, data: 'x' });
    expect(table.notes!.join(' ')).toContain('Left out: tiny: cam needs');
    await expect(outcomesOf(network, stills, options('none.json', { methods: ['cam'] }))).rejects.toThrow(
      'none of the methods can be had',
    );
    await expect(access(join(folder, 'none.json'))).rejects.toThrow();
  });
});

describe("the paper's numbers", () => {
  it('stand beside the measured ones of the same network and method', async () => {
    const path = join(folder, 'paper.csv');
    await writeFile(path, 'network,method,top1\nTiny,gradcam,0.25\nother,cam,0.5\n');
    const found = await outcomesOf(namedClasses(model), stills, options('paper.json'));
    const table = await paperTable(table1, [{ network: 'tiny', ...found }], { seed: 0, level: 0.2, data: 'x' });
    const beside = besidePaper(table, await readPaperFigures(path));
    expect(beside.measures.map(({ key }) => key).slice(0, 3)).toEqual(['top1', 'top1Paper', 'top5']);
    const value = (name: string) => beside.rows.find((row) => row.name === name)!.figures['top1Paper']!.value;
    expect(value('gradcam')).toBe(0.25);
    expect(value('cam')).toBeNaN();
  });

  it.each([
    ['network,top1\na,0.5\n', /lacks the columns/],
    ['network,method,top1\na,cam,43.6\n', /line 2: top1 is 43\.6, not a share/],
  ])('are refused where they are none: %j', async (text, message) => {
    await writeFile(join(folder, 'wrong.csv'), text);
    await expect(readPaperFigures(join(folder, 'wrong.csv'))).rejects.toThrow(message);
    expect(await readFile(join(folder, 'wrong.csv'), 'utf8')).toBe(text);
  });
});
