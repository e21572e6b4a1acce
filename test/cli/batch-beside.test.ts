/** `l2caf batch --objects --signals`: what lies beside the videos gives what `l2caf analyze` gives with it. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { rankedObjects } from '../../src/analysis/object-words.ts';
import { predictionsOf } from '../../src/analysis/predictions.ts';
import { parseCsv } from '../../src/base/csv.ts';
import { makeNetworkDrive, type NetworkDrive } from './network-drive.ts';
import { type CliResult, runCli } from './run-cli.ts';

let drive: NetworkDrive;
let folder: string;
const FRAMES = Array.from({ length: 40 }, (_, i) => i); // up to 4 s
const NUMBERS = ['--kind', 'numbers', '--labels', 'steering,throttle,brake,horn', '--norm', '0..1'];
beforeAll(async () => {
  drive = await makeNetworkDrive(['a,drive.mp4,0,2', 'b,drive.mp4,1,4', 'late,drive.mp4,5,6']);
  ({ folder } = drive);
  await mkdir(join(folder, 'beside'));
  const boxes = FRAMES.flatMap((n) => [`${n},7,car,${n / 2},10,20,12,0.9`, `${n},,sign,50,2,6,8,0.3`]);
  await writeFile(join(folder, 'beside', 'drive.csv'), `frame,id,label,x,y,w,h,score\n${boxes.join('\n')}\n`);
  await mkdir(join(folder, 'signals'));
  const recorded = FRAMES.map((n) => `${n / 10},${Math.sin(n)}`);
  await writeFile(join(folder, 'signals', 'drive.csv'), `time,steering\n${recorded.join('\n')}\n`);
});
afterAll(() => drive.remove());

function run(command: string, out: string, ...args: readonly string[]): Promise<CliResult> {
  return runCli([...command.split(' '), '--model', drive.model, ...NUMBERS, '-q', '-o', out, ...args], { cwd: folder });
}

/** The rows of the results, by event. */
async function rowsIn(out: string): Promise<Record<string, Record<string, string>>> {
  const path = join(folder, out, 'results.csv');
  const [heading, ...rows] = parseCsv(await readFile(path, 'utf8'), path, ',');
  const cells = rows.map(({ fields }) => Object.fromEntries(heading!.fields.map((name, k) => [name, fields[k]!])));
  return Object.fromEntries(cells.map((row) => [row['id']!, row]));
}

it('tells of objects and signals as analyze does, in documents and tables', async () => {
  const beside = ['--objects', 'beside', '--signals', 'signals', '--show-objects', '--outputs', 'json,strip'];
  const first = await run('batch events.csv', 'out', ...beside);
  expect(first).toMatchObject({ exitCode: 0, stdout: 'out/results.csv\nout/index.html\n' });
  const alone = ['--objects', 'beside/drive.csv', '--signals', 'signals/drive.csv', '--no-report', '--ignore', 'none'];
  expect(
    await run('analyze drive.mp4', 'alone', '--start', '1', '--end', '4', '--crop', 'none', ...alone),
  ).toMatchObject({
    exitCode: 0,
  });
  const { timingsSec: _, ...wanted } = await readAnalysis(join(folder, 'alone', 'analysis.json'));
  expect(await readAnalysis(join(folder, 'out', 'events', 'b', 'analysis.json'))).toEqual(wanted);
  expect(wanted.objects!.list).toHaveLength(2);

  const rows = await rowsIn('out');
  const [top] = rankedObjects(wanted);
  expect(rows['b']).toMatchObject({
    top_object: top!.name,
    top_object_share: String(top!.overall),
    any_object_share: String(wanted.objects!.share),
    error_steering: String(predictionsOf(wanted)[0]!.agreement!.meanAbsoluteError),
  });
  expect(rows['late']).toMatchObject({ status: 'done', top_object: '', error_steering: '' });
  const late = await readAnalysis(join(folder, 'out', 'events', 'late', 'analysis.json'));
  expect(late.objects).toBeUndefined();
  expect(late.warnings.join()).toMatch(/has no boxes within 5\.00–6\.00 s.*no signal was recorded/s);

  // Nothing is made twice; with other boxes, what they are of is.
  const made = async (id: string): Promise<number> =>
    (await stat(join(folder, 'out', 'events', id, 'analysis.json'))).mtimeMs;
  const before = await made('b');
  await run('batch events.csv', 'out', ...beside);
  expect(await made('b')).toBe(before);
  expect(await run('batch events.csv', 'out', ...beside, '--objects-score', '0.5')).toMatchObject({ exitCode: 0 });
  expect(await made('b')).toBeGreaterThan(before);
  expect((await readAnalysis(join(folder, 'out', 'events', 'b', 'analysis.json'))).objects!.list).toHaveLength(1);
});

it('takes the files from a column, and of windows tells correlation and error over all moments', async () => {
  const list =
    'id,video,start,end,boxes,speed\na,drive.mp4,0,4,beside/drive.csv,signals/drive.csv\nb,drive.mp4,0,2,,\n';
  await writeFile(join(folder, 'named.csv'), list);
  const columns = ['--objects', 'column:boxes', '--signals', 'column:speed'];
  const windows = ['--dense', '--window', '1', '--stride', '0.5', '--outputs', 'json'];
  expect(await run('batch named.csv', 'named', ...columns, ...windows)).toMatchObject({ exitCode: 0 });
  const analysis = await readAnalysis(join(folder, 'named', 'events', 'a', 'analysis.json'));
  const { agreement } = predictionsOf(analysis)[0]!;
  expect(agreement!.n).toBeGreaterThan(4);
  const rows = await rowsIn('named');
  expect(Number(rows['a']!['error_steering'])).toBeCloseTo(agreement!.meanAbsoluteError, 12);
  expect(Number(rows['a']!['correlation_steering'])).toBeCloseTo(agreement!.correlation!, 12);
  expect(rows['a']!['top_object']).toMatch(/car 7|sign/);
  expect(rows['b']).toMatchObject({ top_object: '', boxes: '' });
});

it.each([
  [['--objects', 'column:nonsense'], /no column "nonsense"/],
  [['--objects', 'gone'], /cannot read .*gone: there is no such file/, 1],
  [['--objects-score', '0.5'], /--objects-score says how a file of objects is read/],
  [['--show-objects'], /draws the boxes of objects/],
  [['--objects', 'column:'], /a folder, a file, or column:NAME/],
])('says in a line what cannot be: %j', async (args, message, code = 2) => {
  const { exitCode, stderr } = await run('batch events.csv', 'none', ...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(exitCode).toBe(code);
});
