/** What bash makes of the script that has it complete the program's words. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { METHODS } from '../../src/l2caf/choices.ts';
import { runCli } from './run-cli.ts';

let script: string;
beforeAll(async () => {
  script = (await runCli(['completion', 'bash'])).stdout;
});

/** What bash proposes for the last of these words. */
async function proposed(...words: readonly string[]): Promise<string[]> {
  const line = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _l2caf; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', `${script}\n${line}`, 'bash', ...words]);
  return stdout.split('\n').filter((word) => word !== '');
}

it('names the commands, and those of a group', async () => {
  expect(await proposed('l2caf', '')).toEqual(expect.arrayContaining(Object.keys(COMMANDS)));
  expect(await proposed('l2caf', 'ana')).toEqual(['analyze']);
  expect(await proposed('l2caf', 'help', 'ba')).toEqual(['batch']);
  expect(await proposed('l2caf', 'models', 'in')).toEqual(['info', 'inspect']);
});

it('names the options of a command, and of one of a group', async () => {
  expect(await proposed('l2caf', 'analyze', 'drive.mp4', '--metho')).toEqual(['--method']);
  expect(await proposed('l2caf', 'analyze', '--no-fi')).toEqual(['--no-fine']);
  expect(await proposed('l2caf', 'models', 'pull', '--fr')).toEqual(['--from']);
  expect(await proposed('l2caf', 'render', 'a.json', '--force')).toEqual(['--force']);
});

it('names what an option can be, and leaves files to the shell', async () => {
  expect(await proposed('l2caf', 'analyze', 'drive.mp4', '--method', '')).toEqual(expect.arrayContaining([...METHODS]));
  expect(await proposed('l2caf', 'analyze', 'dri')).toEqual([]);
  expect(await proposed('l2caf', 'analyze', '--signals', '')).toEqual([]);
});

it.each(['zsh', 'fish'])('is written for %s too', async (shell) => {
  const { stdout, exitCode } = await runCli(['completion', shell]);
  expect(exitCode).toBe(0);
  for (const name of Object.keys(COMMANDS)) expect(stdout).toContain(name);
});

it('says which shells it knows', async () => {
  const { stderr, exitCode } = await runCli(['completion', 'csh']);
  expect(stderr).toMatch(/Allowed choices are bash, zsh, fish/);
  expect(exitCode).toBe(2);
});
