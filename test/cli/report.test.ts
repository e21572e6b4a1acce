import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { makeClip } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';
import { runCli } from './run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'l2caf-report-cli-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

it('reports on every analysis in a folder, lists those that fail in the index, and ends with 3', async () => {
  const path = await makeClip(join(folder, 'clip.mp4'), { frames: 75, width: 64, height: 64 });
  const good = exampleAnalysis({ path, sha256: await sha256OfFile(path), width: 64, height: 64 });
  const results = join(folder, 'results');
  await writeAnalysis(join(results, 'good', 'analysis.json'), good);
  await writeAnalysis(join(results, 'bad', 'analysis.json'), exampleAnalysis({ path: join(folder, 'gone.mp4') }));
  const { exitCode, stdout, stderr } = await runCli(['report', results, '-q']);
  expect(stderr).toContain('1 of 2 reports failed');
  expect(stdout).toBe(`${join(results, 'index.html')}\n`);
  expect(exitCode).toBe(3);
  expect((await readdir(join(results, 'good'))).sort()).toEqual(['analysis.json', 'report.html', 'report.jpg']);
  expect(await readdir(join(results, 'bad'))).toEqual(['analysis.json']);
  const index = await readFile(join(results, 'index.html'), 'utf8');
  expect(index).toContain('good/report.html');
  expect(index).toContain('"files":["good/analysis.json"]');
  expect(index).toContain('gone.mp4');
});

it('names analyses that lie elsewhere from the folder that holds them all', async () => {
  const path = await makeClip(join(folder, 'named.mp4'), { frames: 75, width: 64, height: 64 });
  const analysis = exampleAnalysis({ path, sha256: await sha256OfFile(path), width: 64, height: 64 });
  const at = join(folder, 'named');
  for (const name of ['a', join('b', 'c')]) await writeAnalysis(join(at, name, 'analysis.json'), analysis);
  const where = join(folder, 'where');
  await mkdir(where);
  const { exitCode } = await runCli(['report', join(at, 'a'), '../named/b', '-o', 'pages', '-q'], { cwd: where });
  expect(exitCode).toBe(0);
  const pages = (await readdir(join(where, 'pages'))).filter((name) => name.endsWith('.html'));
  expect(pages.sort()).toEqual(['a.html', 'b-c.html', 'index.html']);
});

it('says what is wrong in one line, and writes nothing', async () => {
  const empty = await mkdtemp(join(folder, 'empty-'));
  for (const [args, code, message] of [
    [['missing.json'], 1, 'cannot read missing.json'],
    [['.'], 1, 'there is no analysis.json in .'],
    [['.', '-o', 'x.html'], 2, 'x.html is one page'],
    [['missing.json', '--ignore', '1,2,3'], 2, '--ignore'],
  ] as const) {
    const { exitCode, stdout, stderr } = await runCli(['report', ...args], { cwd: empty });
    expect(exitCode).toBe(code);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  }
  expect(await readdir(empty)).toEqual([]);
});
