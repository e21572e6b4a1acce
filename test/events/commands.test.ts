/** Every command that takes a list takes the same lists, looks for videos in --videos, and names a bad row with its line. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { L2cafError } from '../../src/base/errors.ts';
import { analyzeCommand } from '../../src/cli/commands/analyze.ts';
import { batchCommand } from '../../src/cli/commands/batch.ts';
import { retrievalCommand } from '../../src/cli/commands/evaluate-retrieval.ts';
import { indexCommand } from '../../src/cli/commands/index-events.ts';
import { projectCommand } from '../../src/cli/commands/project.ts';
import { trainCommand } from '../../src/cli/commands/train.ts';
import { saveUntrainedModel } from '../evaluation/untrained-model.ts';
import { makeClip } from '../support/clips.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-lists-'));
  await mkdir(join(folder, 'videos'));
  await makeClip(join(folder, 'videos', 'drive.mp4'), { frames: 30, rate: '10' });
  await saveUntrainedModel(join(folder, 'model'), { width: 64, height: 64 });
  for (const [name, text] of Object.entries(LISTS)) await writeFile(join(folder, name), text);
  process.chdir(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const slot = (id: string, ms: number): string => `<TIME_SLOT TIME_SLOT_ID="${id}" TIME_VALUE="${ms}"/>`;
const annotation = (id: string, to: string): string =>
  `<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="${id}" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="${to}"><ANNOTATION_VALUE>turn</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>`;

/** Of each list the first event is good, and the one on line 3 ends after its video. */
const LISTS: Readonly<Record<string, string>> = {
  'list.csv': 'Clip;Start (s);Stop (s);Class;split\ndrive.mp4;0,5;2;turn;test\ndrive.mp4;0;0:09;turn;test\n',
  'list.json':
    '[{"video":"drive.mp4","start_ms":500,"end_ms":2000,"label":"turn","split":"test"},\n\n{"video":"drive.mp4","start":0,"end":9,"label":"turn","split":"test"}]',
  'list.jsonl':
    '{"file":"x/drive.mp4","begin":0.5,"duration":1.5,"label":"turn","split":"test"}\n\n{"file":"drive.mp4","end":9,"label":"turn","split":"test"}\n',
  'list.eaf': `<?xml version="1.0"?><ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/x/drive.mp4"/></HEADER><TIME_ORDER>${slot('t1', 500)}${slot('t2', 2000)}${slot('t3', 9000)}</TIME_ORDER><TIER TIER_ID="t">\n${annotation('a1', 't2')}\n${annotation('a2', 't3')}</TIER></ANNOTATION_DOCUMENT>`,
};

const WRONG_SPAN = /line 3: the time span \d(\.5)?–9 s reaches beyond the end of the clip/;

/** Runs a command in this process and returns what it refuses a list with. */
async function refusal(name: string, ...args: readonly string[]): Promise<string> {
  const make = {
    analyze: analyzeCommand,
    batch: batchCommand,
    train: trainCommand,
    index: indexCommand,
    project: projectCommand,
    retrieval: retrievalCommand,
  }[name]!;
  const error: unknown = await make()
    .exitOverride()
    .parseAsync([...args, '-q'], { from: 'user' })
    .catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(L2cafError);
  return `${(error as L2cafError).message}\n${(error as L2cafError).hint}`;
}

describe.each(Object.keys(LISTS))('%s', (list) => {
  it.each<[string, string[]]>([
    ['batch', ['--strict', '-o', 'out']],
    ['train', ['--backend', 'wasm', '-o', 'trained']],
    ['index', ['--model', 'model', '-o', 'db']],
    ['project', ['--model', 'model', '-o', 'map.svg']],
    ['retrieval', ['--split', 'all', '--model', 'model', '-o', 'out']],
  ])('is read by %s', async (name, args) => {
    const placed = await refusal(name, list, ...args, '--videos', 'videos');
    expect(placed).toMatch(WRONG_SPAN);
    if (name !== 'train' || !list.endsWith('.eaf')) expect(placed).not.toMatch(/line [1245]:/);
    expect(await refusal(name, list, ...args)).toMatch(/there is no file .*drive\.mp4/); // beside the list
  });
});

it('--videos is for lists alone', async () => {
  const clip = join('videos', 'drive.mp4');
  expect(await refusal('analyze', clip, '--videos', 'videos')).toMatch(/--videos says where .*\nadd --events/);
});

it('splits are asked for where they are used', async () => {
  const split = /none of its 2 events has one of the splits train, val, test: a column split states it/;
  expect(await refusal('train', 'list.eaf', '--videos', 'videos', '--backend', 'wasm')).toMatch(split);
  expect(await refusal('retrieval', 'list.eaf', '--videos', 'videos', '--model', 'model')).toMatch(split);
});
