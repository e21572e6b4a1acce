/** `index`, `search` and `project` from the outside, on analyses, so that no network runs; in this process, for speed. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import type { L2cafError } from '../../src/base/errors.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { indexCommand } from '../../src/cli/commands/index-events.ts';
import { projectCommand } from '../../src/cli/commands/project.ts';
import { searchCommand } from '../../src/cli/commands/search.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';
import { runCli } from './run-cli.ts';

const CLIPS = join(import.meta.dirname, '..', '..', 'fixtures', 'clips');
const NAMES = ['cyclist', 'left_turn', 'stop_sign'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-search-'));
  for (const [i, name] of NAMES.entries()) {
    const path = join(CLIPS, `${name}.mp4`);
    const analysis = exampleAnalysis({ path, sha256: await sha256OfFile(path) });
    await writeAnalysis(join(folder, 'done', name, 'analysis.json'), {
      ...analysis,
      span: { startSec: 0, endSec: 2 },
      embedding: [Math.cos(i ** 2), Math.sin(i ** 2)],
    });
  }
  await writeFile(join(folder, 'events.csv'), 'id,video,start,end,label,split\n');
  await mkdir(join(folder, 'no-events'));
  process.chdir(folder);
  await run('index', 'done', '-o', 'db');
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a command in this process, and returns what it printed; throws what it throws. */
async function run(name: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    }),
  );
  try {
    const make = { index: indexCommand, search: searchCommand, project: projectCommand }[name]!;
    await make()
      .exitOverride()
      .parseAsync([...args, '-q'], { from: 'user' });
    return printed;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

it('indexes once', async () => {
  const again = await run('index', 'done', '-o', 'db');
  expect(again).toMatchObject({
    stdout: '0 new, 0 replaced, 3 unchanged; 3 events in db\n',
    stderr: '',
  });
  const { stdout } = await run('index', 'done', '--db', 'db', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ database: 'db', added: 0, unchanged: 3, model: { frames: 2 } });
});

describe('search', () => {
  it('prints neighbours, nearest first, and draws them', async () => {
    const result = await run('search', 'cyclist', '--db', 'db', '-o', 'sheet.png');
    expect(result.stderr).toBe('');
    expect(result.stdout).toMatch(
      /distance +label +id .*\n1 +0\.\d{4} +- +left_turn .*\n2 +\d\.\d{4} .*\nsheet\.png\n$/s,
    );
    const { width, height } = await loadImage(join(folder, 'sheet.png'));
    expect(width).toBeGreaterThan(height); // three rows of two frames
  });

  it('knows an indexed span of a clip again, and prints JSON', async () => {
    const clip = join(CLIPS, 'stop_sign.mp4');
    const args = [clip, '--end', '2', '--db', 'db', '-k', '1', '--json'];
    const { stdout } = await run('search', ...args, '--where', "id <> 'left_turn'");
    // Angles 0 and 4 radians: 2 − 2·cos 4.
    expect(JSON.parse(stdout)).toMatchObject({
      query: { id: 'stop_sign', start: 0, end: 2 },
      neighbours: [{ id: 'cyclist', distance: expect.closeTo(2 - 2 * Math.cos(4), 5) }],
    });
  });

  it('shows an event whose video is gone as such', async () => {
    const gone = exampleAnalysis({ path: join(folder, 'gone.mp4') });
    await writeAnalysis(join(folder, 'gone', 'lost', 'analysis.json'), gone);
    await run('index', 'done', 'gone', '-o', 'lossy');
    const result = await run('search', 'cyclist', '--db', 'lossy', '-o', 'lossy.png');
    expect(result).toMatchObject({ stderr: expect.stringMatching(/warning: .*gone\.mp4/) });
  });

  it('warns when nothing fulfils the condition', async () => {
    const result = await run('search', 'cyclist', '--db', 'db', '--where', "label = 'none'");
    expect(result).toMatchObject({ stderr: expect.stringMatching(/warning: nothing was found/) });
  });
});

it('maps a database, or the analyses themselves, alike', async () => {
  const mapOf = async (source: string): Promise<{ id: string; x: number; y: number }[]> => {
    const { stdout } = await run('project', source, '-o', `${source}.svg`, '--json');
    expect(await readFile(join(folder, `${source}.svg`), 'utf8')).toMatch(/<svg/);
    return (JSON.parse(stdout) as { points: { id: string; x: number; y: number }[] }).points;
  };
  const [stored, given] = [await mapOf('db'), await mapOf('done')];
  // The database keeps single precision.
  const near = ({ id, x, y }: (typeof given)[0]): object => ({ id, x: expect.closeTo(x, 6), y: expect.closeTo(y, 6) });
  expect(stored).toEqual(given.map(near));
  const { stdout } = await run('project', 'db', '--tsv', 'projector');
  expect(stdout).toBe(`${join('projector', 'tensors.tsv')}\n${join('projector', 'metadata.tsv')}\n`);
});

it.each<[string, string[], L2cafError['code'], RegExp]>([
  [
    'a database that is not there',
    ['search', 'cyclist', '--db', 'none'],
    'input-not-found',
    /no indexed events in none/,
  ],
  [
    'an unknown id',
    ['search', 'bus', '--db', 'db'],
    'input-not-found',
    /bus is neither a file nor the id of an event in db/,
  ],
  ['a wrong condition', ['search', 'cyclist', '--db', 'db', '--where', 'x = 1'], 'usage', /"x = 1" cannot be used: /],
  [
    'a span of an id',
    ['search', 'cyclist', '--db', 'db', '--start', '1'],
    'usage',
    /--start and --end belong to a clip/,
  ],
  ['maps without a picture', ['search', 'cyclist', '--db', 'db', '--explain'], 'usage', /-o FILE\.png/],
  [
    'another model',
    ['search', join(CLIPS, 'cyclist.mp4'), '--db', 'db'],
    'usage',
    /indexed with the model untrained-0.* not /,
  ],
  [
    'a folder without events',
    ['index', 'no-events', '-o', 'x'],
    'input-unreadable',
    /holds no video and no \.eaf file/,
  ],
  ['videos of analyses', ['index', 'done', '-o', 'x', '--videos', CLIPS], 'usage', /analyses know their own/],
  ['an empty list', ['index', 'events.csv', '-o', 'x'], 'input-unreadable', /it holds no events/],
  ['events of two kinds', ['index', 'events.csv', 'done', '-o', 'x'], 'usage', /one list of events, or analyses/],
  ['a file in place of a database', ['index', 'done', '-o', 'events.csv'], 'input-unreadable', /events\.csv/],
  ['a map as JPEG', ['project', 'db', '-o', 'map.jpg'], 'usage', /neither a \.svg, a \.png nor an \.html/],
  ['a map of nothing', ['project', 'none', '-o', 'map.png'], 'input-not-found', /cannot read none/],
  ['no output', ['project', 'db'], 'usage', /nothing to write/],
])('refuses %s', async (_, [name, ...args], code, message) => {
  const before = await readdir(folder, { recursive: true });
  const refused = run(name!, ...args);
  await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  await expect(refused).rejects.not.toThrow(/\.rs:/);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
});

it('ends a refusal with one line, a hint and the code for wrong usage', async () => {
  const result = await runCli(['search', 'cyclist', '--db', 'db', '--where', 'x = 1'], { cwd: folder });
  expect(result).toMatchObject({ exitCode: 2, stdout: '' });
  expect(result.stderr).toMatch(/^error: the condition "x = 1" cannot be used: .*\nhint: .*\n$/);
});
