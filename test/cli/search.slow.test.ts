/** The way from an events file to an explained search, with the packaged model. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CliResult, runCli } from './run-cli.ts';

const CLIPS = join(import.meta.dirname, '..', '..', 'fixtures', 'clips');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-search-slow-'));
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: readonly string[]): Promise<CliResult> => runCli(args, { cwd: folder });

it('indexes events, finds their neighbours, and shows what makes a pair similar', async () => {
  const indexed = await run('index', join(CLIPS, 'events.csv'), '-o', 'db', '-q');
  expect(indexed.stdout).toBe('6 new, 0 replaced, 0 unchanged; 6 events in db\n');

  const searched = await run('search', 'cyclist', '--db', 'db', '-k', '2', '-o', 'plain.png', '--json', '-q');
  const { neighbours } = JSON.parse(searched.stdout) as { neighbours: { id: string; distance: number }[] };
  expect(neighbours.length).toBe(2);
  expect(neighbours[0]!.distance).toBeLessThanOrEqual(neighbours[1]!.distance);

  const explained = await run('search', 'cyclist', '--db', 'db', '-k', '2', '-o', 'maps.png', '--explain', '-q');
  expect(explained).toMatchObject({ exitCode: 0 });
  const [plain, maps] = await Promise.all(['plain.png', 'maps.png'].map((name) => readFile(join(folder, name))));
  expect(maps!.equals(plain!)).toBe(false);

  // Nearly the same span, which is not in the database: it is embedded now, and finds the event that it overlaps.
  const clip = join(CLIPS, 'cyclist.mp4');
  const args = ['search', clip, '--start', '0.05', '--db', 'db', '-k', '1', '--exclude', 'self', '--json', '-q'];
  const found = JSON.parse((await run(...args)).stdout) as { neighbours: { id: string; distance: number }[] };
  expect(found.neighbours[0]).toMatchObject({ id: 'cyclist' });
  expect(found.neighbours[0]!.distance).toBeLessThan(neighbours[0]!.distance);
});
