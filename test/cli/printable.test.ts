/** What a terminal is not made to do by names that others gave. */
import { expect, it } from 'vitest';
import { printable } from '../../src/cli/printable.ts';
import { runCli } from './run-cli.ts';

it.each([
  ['a\x1b[2Jb', 'a\\x1b[2Jb'],
  ['a\rb\x07\x7f\x9b', 'a\\x0db\\x07\\x7f\\x9b'],
  ['gpj.\u202e.exe\u2066', 'gpj.\\u202e.exe\\u2066'],
  ['two\nlines\tand ü 日本 😀', 'two\nlines\tand ü 日本 😀'],
])('writes out what a terminal would obey: %j', (text, expected) => {
  expect(printable(text)).toBe(expected);
});

it('does so in what a command says', async () => {
  const { exitCode, stderr } = await runCli(['analyze', '/nowhere/\x1b[8mhidden.mp4']);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^error: .*\\x1b\[8mhidden\.mp4/);
});
