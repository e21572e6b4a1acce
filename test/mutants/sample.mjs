/**
 * A checker of Stryker's that lets a seeded sample of all mutants be tried: those of it pass, the others are left out of
 * the score. Every mutant has the same chance, whatever others it holds or is held by.
 */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import process from 'node:process';
import { declareFactoryPlugin, PluginKind } from '@stryker-mutator/api/plugin';

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

export const strykerPlugins = [declareFactoryPlugin(PluginKind.Checker, 'sample', sampleFactory)];

/**
 * A number in [0, 1) that depends on the mutant and the seed alone.
 *
 * @param {import('@stryker-mutator/api/core').Mutant} mutant
 * @param {string} seed
 */
function placeOf({ fileName, location, mutatorName, replacement }, seed) {
  const { start, end } = location;
  const file = relative(process.cwd(), fileName).replaceAll('\\', '/');
  const words = [seed, file, start.line, start.column, end.line, end.column, mutatorName, replacement];
  return createHash('sha256').update(JSON.stringify(words)).digest().readUInt32BE() / 2 ** 32;
}
