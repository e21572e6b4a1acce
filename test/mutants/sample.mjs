/**
 * What Stryker lacks here. A checker that lets a seeded sample of all mutants be tried: those of it pass, the others are left
 * out of the score. Every mutant has the same chance, whatever others it holds or is held by. And a reporter that prints the
 * mutants that no test notices as they are found: a run takes long, and they can be read meanwhile.
 */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import process from 'node:process';
import { declareClassPlugin, declareFactoryPlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** Options of `sample` in Stryker's configuration. @typedef {{ seed: string, share: number }} Sample */

/** @param {{ sample: Sample }} options */
function sampleFactory({ sample }) {
  return {
    async init() {},
    /** @param {import('@stryker-mutator/api/core').Mutant[]} mutants */
    async check(mutants) {
      return Object.fromEntries(
        mutants.map((mutant) => {
          const status = placeOf(mutant, sample.seed) < sample.share ? 'passed' : 'compileError';
          return [mutant.id, { status, reason: 'not in the sample' }];
        }),
      );
    },
    /** @param {import('@stryker-mutator/api/core').Mutant[]} mutants */
    async group(mutants) {
      return mutants.length === 0 ? [] : [mutants.map(({ id }) => id)];
    },
  };
}
sampleFactory.inject = /** @type {const} */ (['options']);

class SurvivorReporter {
  /** @param {import('@stryker-mutator/api/core').MutantResult} result */
  onMutantTested({ status, fileName, location, mutatorName, replacement }) {
    if (!['Survived', 'NoCoverage', 'RuntimeError'].includes(status)) return;
    const { line, column } = location.start;
    console.log(`${status}: ${fileIn(fileName)}:${line}:${column} ${mutatorName}: ${replacement}`);
  }
}

export const strykerPlugins = [
  declareFactoryPlugin(PluginKind.Checker, 'sample', sampleFactory),
  declareClassPlugin(PluginKind.Reporter, 'survivors', SurvivorReporter),
];

/**
 * A number in [0, 1) that depends on the mutant and the seed alone.
 *
 * @param {import('@stryker-mutator/api/core').Mutant} mutant
 * @param {string} seed
 */
function placeOf({ fileName, location, mutatorName, replacement }, seed) {
  const { start, end } = location;
  const words = [seed, fileIn(fileName), start.line, start.column, end.line, end.column, mutatorName, replacement];
  return createHash('sha256').update(JSON.stringify(words)).digest().readUInt32BE() / 2 ** 32;
}

/** @param {string} fileName */
function fileIn(fileName) {
  return relative(process.cwd(), fileName).replaceAll('\\', '/');
}
