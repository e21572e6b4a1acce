/**
 * Numbers computed by other people's code, as cases to reproduce: what a case is, where its numbers come from, and which
 * check belongs to which file name. Everything is derived from the files, so other seeds and shapes of the same format
 * are checked the same way.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readSafetensors } from '../../src/models/safetensors.ts';
import type { Check, GoldenData } from './case.ts';
import { convTailCase } from './conv-tail.ts';
import { gapCase } from './gap.ts';
import { kerasCase } from './keras.ts';
import { metricLearningCase } from './metric-learning.ts';
import { networkCase } from './networks.ts';
import { recurrentCase } from './recurrent.ts';
import { trunkCase } from './trunk.ts';
import { wsolCase } from './wsol.ts';

/** Reproduces the numbers of one case, or says why it is skipped. Needs a backend. */
export type CaseRunner = (data: GoldenData) => Promise<readonly Check[] | string>;

/** Which file names are which case; the first that matches counts. A string says why such files are skipped. */
export const GOLDEN_CASES: readonly { readonly pattern: RegExp; readonly run: CaseRunner | string }[] = [
  { pattern: /^caf-gap-/, run: gapCase },
  { pattern: /^caf-recurrent-/, run: recurrentCase },
  { pattern: /^conv-tail-/, run: convTailCase },
  { pattern: /^trunk-.*-io$/, run: trunkCase },
  { pattern: /^trunk-.*-weights$/, run: 'the weights of the case beside it' },
  { pattern: /^metric-learning-/, run: metricLearningCase },
  { pattern: /^wsol-/, run: wsolCase },
  { pattern: /^rnn$/, run: kerasCase },
];

/**
 * The golden cases of a folder and of those in it, by name without extension: pairs of files, and folders of networks. Empty
 * when the folder is missing or has none.
 */
export async function listGolden(folder: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const networks = paths.filter((path) => basename(path) === NETWORK_FILE).map(dirname);
  const pairs = paths
    .filter((path) => path.endsWith('.safetensors') && !networks.includes(dirname(path)))
    .map((path) => path.slice(0, -'.safetensors'.length));
  return [...pairs, ...networks].sort();
}

const NETWORK_FILE = 'case.json';

/** Runs one case, or says why it is skipped. */
export async function runGolden(folder: string, name: string): Promise<readonly Check[] | string> {
  if (existsSync(join(folder, name, NETWORK_FILE))) return await networkCase(join(folder, name));
  const found = GOLDEN_CASES.find(({ pattern }) => pattern.test(basename(name)));
  if (found === undefined) return 'no case of this name is known';
  if (typeof found.run === 'string') return found.run;
  return await found.run(await readGolden(folder, name));
}

async function readGolden(folder: string, name: string): Promise<GoldenData> {
  const { tensors } = await readSafetensors(join(folder, `${name}.safetensors`));
  const json: unknown = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'));
  return { name, tensors, json, beside: (other) => readGolden(folder, other) };
}
