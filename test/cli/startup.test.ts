/** Commands start at once: what takes long to load is loaded when it is needed. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Help } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, listedCommand, loadCommand } from '../../src/cli/commands.ts';
import { runCli } from './run-cli.ts';

const LISTER = pathToFileURL(join(import.meta.dirname, '..', 'support', 'loaded-modules.mjs')).href;
/** What takes long to load: other packages, but the one that parses the options, and what of TensorFlow.js and zod is built. */
const LARGE = /node_modules\/(?!commander\/)|tensorflow|\/zod/;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-startup-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The modules that the command loads. */
async function modulesOf(...args: string[]): Promise<{ readonly code: number | null; readonly modules: string[] }> {
  const file = join(folder, `${args.join('_')}.txt`);
  const { exitCode } = await runCli(args, { env: { NODE_OPTIONS: `--import ${LISTER}`, LOADED_MODULES: file } });
  return { code: exitCode, modules: (await readFile(file, 'utf8')).trim().split('\n') };
}

describe('the help', () => {
  it.each([[], ...Object.keys(COMMANDS).map((name) => [name])])(
    'of l2caf %s loads what describes options alone',
    async (...name) => {
      const { code, modules } = await modulesOf(...name, '--help');
      expect(code).toBe(0);
      expect(modules.filter((path) => path.includes('commander')).length).toBeGreaterThan(0);
      expect(modules.filter((path) => LARGE.test(path))).toEqual([]);
    },
  );

  it('sees large modules where they are loaded', async () => {
    const { code, modules } = await modulesOf('models', 'info', 'resnet50-imagenet');
    expect(code).toBe(0);
    for (const name of ['tensorflow', '/zod']) expect(modules.some((path) => path.includes(name))).toBe(true);
    expect(modules.filter((path) => path.includes('node_modules/@napi-rs/canvas'))).toEqual([]);
  });

  it.each([[[]], [['models']], [['evaluate']]])('is shown where nothing is asked for: l2caf %j', async (args) => {
    const { exitCode, stdout, stderr } = await runCli(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: l2caf .*\n/);
    expect(stdout).toBe((await runCli([...args, '--help'])).stdout);
  });

  it('lists every command as it describes itself', async () => {
    const help = new Help();
    for (const name of Object.keys(COMMANDS)) {
      const [listed, loaded] = [listedCommand(name), await loadCommand(name)];
      expect(help.subcommandTerm(listed)).toBe(help.subcommandTerm(loaded));
    }
  });
});
