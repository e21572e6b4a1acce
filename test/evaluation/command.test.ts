/** `l2caf evaluate localization`: what it refuses before any network runs, leaving nothing behind. */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localizationCommand } from '../../src/cli/commands/evaluate-localization.ts';
import { saveUntrainedModel } from './untrained-model.ts';

const CLIPS = join(import.meta.dirname, '..', '..', 'fixtures', 'clips');
const EVENTS = join(CLIPS, 'events.csv');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-localization-'));
  await saveUntrainedModel(join(folder, 'model'), { width: 64, height: 64 });
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command quietly; its output folder is `out`. */
async function run(...args: readonly string[]): Promise<void> {
  const command = localizationCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  const fixed = [EVENTS, '--model', join(folder, 'model'), '-q', '-o', join(folder, 'out')];
  await command.parseAsync([...fixed, ...args], { from: 'user' });
}

describe('evaluate localization refuses', () => {
  it.each<[string, string[], RegExp]>([
    ['a split without events', ['--truth', CLIPS, '--split', 'val'], /no event with the split val/],
    [
      'a folder without truth',
      ['--truth', tmpdir(), '--split', 'train'],
      /cannot be used:\n {2}neither .*\n {2}neither /,
    ],
    ['an unknown method', ['--truth', CLIPS, '--methods', 'l2caf,lime'], /unknown: lime; expected some of l2caf/],
    ['a malformed class', ['--truth', CLIPS, '--classes', 'cyclist=300'], /LABEL=VALUE/],
    ['no truth at all', [], /--truth/],
  ])('%s', async (_, args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
    await expect(access(join(folder, 'out'))).rejects.toThrow();
  });
});
