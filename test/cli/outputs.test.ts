/**
 * Nothing of the user's is overwritten, by any command: the commands and options that write are those that commander knows,
 * so that a new one without a place here fails.
 */
import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import type { Command, Option } from 'commander';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { isSealed } from '../../src/base/seal.ts';
import { COMMANDS, loadCommand, OUTPUT_OPTIONS } from '../../src/cli/commands.ts';
import { makeClip } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

let folder: string;
let clip: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-outputs-'));
  process.chdir(folder);
  clip = await makeClip(join(folder, 'clip.mp4'), { frames: 75, width: 64, height: 64 });
  await makeClip(join(folder, 'long.mp4'), { frames: 100, rate: '4', width: 64, height: 64 });
  const analysis = exampleAnalysis({ path: clip, sha256: await sha256OfFile(clip), width: 64, height: 64 });
  const frames = analysis.frames.map((frame) => ({
    ...frame,
    trace: frame.lossHistory.map(() => frame.filter.values),
  }));
  await writeAnalysis('in/analysis.json', { ...analysis, frames });
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    await writeAnalysis(join('many', name, 'analysis.json'), {
      ...{ ...analysis, span: { startSec: 0, endSec: i + 1 } },
      embedding: [Math.cos(i ** 2), Math.sin(i ** 2)],
    });
  }
  await writeAnalysis('drive/analysis.json', { ...analysis, span: { startSec: 0, endSec: 30 } });
  await writeFile('events.csv', 'id,video,start,end,label,split\na,clip.mp4,0,2,x,test\n');
  await writeFile('boxes.csv', 'file,x,y,w,h\ndog.png,0,0,9,9\n');
  await writeFile('classes.csv', 'file,x,y,w,h,class,split\ndog.png,0,0,9,9,dog,train\ncat.png,0,0,9,9,cat,train\n');
  await writeFile('dog.png', createCanvas(64, 64).toBuffer('image/png'));
});

/** All commands and subcommands, by their names. */
async function allCommands(): Promise<Map<string, Command>> {
  const found = new Map<string, Command>();
  for (const name of Object.keys(COMMANDS)) {
    const command = await loadCommand(name);
    if (command.commands.length === 0) found.set(name, command);
    for (const own of command.commands) found.set(`${name} ${own.name()}`, own);
  }
  return found;
}

/** Runs a command as the program does, in this process. */
async function run(line: readonly string[]): Promise<void> {
  const silent = (['stdout', 'stderr'] as const).map((name) => vi.spyOn(process[name], 'write').mockReturnValue(true));
  try {
    const command = await loadCommand(line[0]!);
    for (const own of [command, ...command.commands]) own.exitOverride();
    await command.parseAsync(line.slice(1), { from: 'user' });
  } finally {
    for (const spy of silent) spy.mockRestore();
  }
}

interface Writer {
  /** What stands before the option. */
  readonly args: readonly string[];
  /** The file that the option names, or those in the folder that it names. */
  readonly file?: string;
  readonly files?: readonly string[];
}

const EVENTS = 'events.csv';
const IN = join('in', 'analysis.json');
const MODEL = ['model.json', 'weights.safetensors', 'checkpoint.safetensors', 'training.json', 'curves.png'];
const STILL = ['still.json', 'weights.safetensors', 'checkpoint.safetensors', 'training.json', 'curves.png'];
const TABLES = ['results.csv', 'results.parquet', 'timings.csv', 'index.html', 'wrong-rows.txt', 'list.json'];
const study = (name: string, ...args: readonly string[]): Writer => ({
  args: ['evaluate', name, ...args],
  files: [`${name}.json`, `${name}.csv`, `${name}.png`],
});

/** Every command and option that writes, with what it writes. */
const WRITERS: Readonly<Record<string, Writer>> = {
  'analyze --output': {
    args: ['analyze', 'long.mp4', '--preview'],
    files: ['analysis.json', 'strip.png', 'overlay.mp4', 'report.html', 'report-clip.mp4', 'preview.mp4'],
  },
  'batch --output': { args: ['batch', EVENTS], files: TABLES },
  'render --output': { args: ['render', IN], file: 'x.mp4' },
  'compare --output': { args: ['compare', IN, IN], file: 'x.mp4' },
  'report --output': {
    args: ['report', 'in', 'drive'],
    files: ['index.html', 'in.html', 'drive.jpg', 'drive-clip.mp4'],
  },
  'image --output': {
    args: ['image', 'dog.png', '--compare-constraints', '--sanity'],
    files: ['dog.json', 'dog.png', 'dog-constraints.png', 'dog-sanity.png'],
  },
  'figure --output': { args: ['figure', IN], file: 'x.svg' },
  'film --output': { args: ['film', IN], file: 'x.gif' },
  'export --output': { args: ['export', IN], file: 'x.npz' },
  'train --output': { args: ['train', EVENTS], files: MODEL },
  'train-stills --output': { args: ['train-stills', 'classes.csv'], files: STILL },
  'evaluate localization --output': study('localization', EVENTS, '--truth', 'boxes.csv'),
  'evaluate faithfulness --output': study('faithfulness', EVENTS),
  'evaluate sanity --output': study('sanity', EVENTS),
  'evaluate stability --output': study('stability', EVENTS),
  'evaluate stills --output': study('stills', 'boxes.csv'),
  'evaluate timing --output': study('timing'),
  'evaluate verdicts --output': study('verdicts', EVENTS),
  'evaluate retrieval --output': study('retrieval', EVENTS),
  'reproduce --output': {
    args: ['reproduce', 'table1', '--data', 'boxes.csv'],
    files: ['table1.json', 'table1.csv', 'table1.png'],
  },
  'search --output': { args: ['search', 'a', '--db', 'db'], file: 'x.png' },
  'project --output': { args: ['project', EVENTS], file: 'x.svg' },
  'models import --output': {
    args: ['models', 'import', 'net.onnx', '--norm', '0..1'],
    files: ['network.onnx', 'network.json', 'survey.json'],
  },
  'models export --output': { args: ['models', 'export'], files: ['network.onnx', 'network.json'] },
  'project --tsv': { args: ['project', EVENTS], files: ['tensors.tsv', 'metadata.tsv'] },
};

/** Options that name an output, but replace no file: a worker's part of a batch (guarded in `serve.ts`). */
const OTHERS = ['worker --output'];

/** Options that name files or folders which are read. */
const READ =
  /--(videos|events|model|classifier|ignore|domain|unlabelled|dense|dense-classes|truth|from|db|target|validate|queue|queue-password|queue-secret|card|signals|objects|times|data|networks|paper)$/;

const longOf = ({ long }: Option): string => long!;

describe('every command that writes', () => {
  it('has a place in this test, and --force', async () => {
    const found: string[] = [];
    for (const [name, { options }] of await allCommands()) {
      const outputs = options.filter((option) => OUTPUT_OPTIONS.includes(option.attributeName()));
      found.push(...outputs.map((option) => `${name} ${longOf(option)}`));
      const isForceable = outputs.length > 0 && !OTHERS.includes(`${name} --output`);
      expect([name, options.some((option) => longOf(option) === '--force')]).toEqual([name, isForceable]);
    }
    expect(found.sort()).toEqual([...Object.keys(WRITERS), ...OTHERS].sort());
  });

  it('names what it writes by one of these options', async () => {
    for (const [name, { options }] of await allCommands()) {
      const paths = options.filter(({ flags }) =>
        /<[^>]*(file|folder|path|db|list|dir|csv|png)[^>]*>|<list>/i.test(flags),
      );
      for (const option of paths) {
        const isList = /<list>/.test(option.flags) && !READ.test(longOf(option)); // levels, titles
        const isKnown = OUTPUT_OPTIONS.includes(option.attributeName()) || READ.test(longOf(option)) || isList;
        expect([`${name} ${longOf(option)}`, isKnown]).toEqual([`${name} ${longOf(option)}`, true]);
      }
    }
  });
});

const CASES = Object.entries(WRITERS).flatMap(([name, { args, file, files = [] }]) => {
  const option = name.split(' ').at(-1)!;
  const each = file === undefined ? files.map((own) => join('out', own)) : [file];
  return each.map((path) => ({ name, path, line: [...args, option, file ?? 'out'] }));
});

describe("what is not l2caf's is left as it is", () => {
  it.each(CASES)('$name: $path', async ({ path, line }) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'mine\n');
    const before = await readdir('.', { recursive: true });
    await expect(run(line)).rejects.toMatchObject({ code: 'output-exists', hint: expect.stringMatching(/--force/) });
    expect(await readFile(path, 'utf8')).toBe('mine\n');
    expect((await readdir('.', { recursive: true })).filter((name) => name !== '.l2caf')).toEqual(before);
    await rm(path);
  });
});

/** Those that need no network, whose work can be done here. */
const DRAWN: readonly [string, readonly string[]][] = [
  ['x.mp4', ['render', IN, '-q', '-o', 'x.mp4']],
  ['frames/000.png', ['render', IN, '-q', '-o', 'frames/%03d.png']],
  ['x.webm', ['render', IN, '-q', '-o', 'x.webm']],
  ['y.mp4', ['compare', IN, IN, '-q', '-o', 'y.mp4']],
  ['x.svg', ['figure', IN, '-q', '-o', 'x.svg']],
  ['x.pdf', ['figure', IN, '-q', '-o', 'x.pdf']],
  ['x.gif', ['film', IN, '-q', '-o', 'x.gif']],
  ['x.npz', ['export', 'many', '-q', '-o', 'x.npz']],
  ['x.jsonl', ['export', 'many', '-q', '-o', 'x.jsonl']],
  ['frames.csv', ['export', 'many', '-q', '-o', 'frames.csv']],
  ['samples/samples.json', ['export', 'many', '-q', '--format', 'fiftyone', '-o', 'samples']],
  ['page.html', ['report', IN, '-q', '-o', 'page.html']],
  ['map.png', ['project', 'many', '-q', '-o', 'map.png']],
  ['map.html', ['project', 'many', '-q', '-o', 'map.html']],
  ['tsv/tensors.tsv', ['project', 'many', '-q', '--tsv', 'tsv']],
];

describe('what l2caf wrote', () => {
  it.each(DRAWN)('%s is replaced, until it is edited; then with --force only', async (path, line) => {
    await run(line);
    const first = await readFile(path);
    await run(line);
    expect(await isSealed(path)).toBe(true);
    await writeFile(path, Buffer.concat([first, Buffer.from('\n')]));
    await expect(run(line)).rejects.toMatchObject({ code: 'output-exists' });
    await run([...line, '--force']);
    expect(await isSealed(path)).toBe(true);
    await writeFile(path, ''); // as mktemp leaves it
    await run(line);
    expect(await isSealed(path)).toBe(true);
  });
});

describe('what is read is never replaced, by any name, with --force neither', () => {
  const refused = async (input: string, line: readonly string[]): Promise<void> => {
    const before = await readFile(input);
    for (const force of [[], ['--force']]) {
      await expect(run([...line, ...force])).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(/which this run reads|what this run reads/),
      });
    }
    expect(before.equals(await readFile(input))).toBe(true);
  };

  it.each([['render'], ['compare'], ['film']])('the clip, by %s', async (command) => {
    const line = [command, IN, ...(command === 'compare' ? [IN] : [])];
    await refused(clip, [...line, '-o', 'clip.mp4']);
    await symlink('clip.mp4', 'link.mp4');
    await link('clip.mp4', 'hard.mp4');
    await symlink('.', 'here');
    for (const name of ['link.mp4', 'hard.mp4', join('here', 'clip.mp4')]) await refused(clip, [...line, '-o', name]);
    for (const name of ['link.mp4', 'hard.mp4', 'here']) await unlink(name);
  });

  it('the picture, by image', async () => {
    await refused('dog.png', ['image', 'dog.png', '-o', '.']);
  });

  it('its own list, by batch and by project', async () => {
    await mkdir('own');
    await writeFile('own/results.csv', await readFile(EVENTS));
    await refused('own/results.csv', ['batch', 'own/results.csv', '--videos', '.', '-o', 'own']);
  });

  it('the analysis, and a clip that l2caf made', async () => {
    await run(['render', IN, '-q', '-o', 'again/overlay.mp4']);
    await symlink('again', 'linked');
    await refused('again/overlay.mp4', ['analyze', 'again/overlay.mp4', '-o', 'linked']);
    await refused(IN, ['analyze', 'clip.mp4', '--events', IN, '-o', 'in']);
  });

  it('the clip, by the video beside a report', async () => {
    const path = await makeClip(join(folder, 'drive-clip.mp4'), { frames: 75, width: 64, height: 64 });
    const source = exampleAnalysis({ path, sha256: await sha256OfFile(path), width: 64, height: 64 });
    await writeAnalysis('long/analysis.json', { ...source, span: { startSec: 0, endSec: 30 } });
    await refused(path, ['report', 'long/analysis.json', '-o', 'drive.html']);
    expect(await isSealed('drive.html').catch(() => undefined)).toBeUndefined();
  });

  it('masks and truth', async () => {
    await writeFile('mask.png', createCanvas(64, 64).toBuffer('image/png'));
    await refused('mask.png', ['figure', IN, '--ignore', 'mask.png', '-o', 'mask.png']);
  });
});

describe('names say what they hold', () => {
  it.each([
    [['search', 'a', '--db', 'db', '-o', 'x.csv'], /a \.png file, not x\.csv/],
    [['render', IN, '-o', 'x.png'], /an \.mp4, a \.webm or a \.gif file, not x\.png/],
    [['figure', IN, '-o', 'x.csv'], /not x\.csv/],
    [['project', EVENTS, '-o', 'x.csv'], /x\.csv/],
    [['film', IN, '-o', 'x.png'], /not x\.png/],
    [['analyze', 'clip.mp4', '-o', 'out.mp4'], /output is a folder, and out\.mp4 is named as a file/],
    [['batch', EVENTS, '-o', 'out.csv'], /output is a folder/],
    [['report', IN, '-o', 'none.webm'], /output is a folder/],
    [['report', IN, '-o', 'none.pdf'], /output is a folder/],
    [['image', 'dog.png', '-o', 'dog.jpg'], /output is a folder/],
    [['train', EVENTS, '-o', 'm.json'], /output is a folder/],
    [['evaluate', 'timing', '-o', 't.csv'], /output is a folder/],
    [['project', EVENTS, '--tsv', 'x.tsv'], /output is a folder/],
    [['export', IN, '-o', 'x.txt'], /does not say what it is to be/],
    [['export', IN, '--format', 'npz', '-o', 'x.csv'], /writes a \.npz file, not x\.csv/],
    [['export', IN, '--format', 'fiftyone', '-o', 'none.npz'], /output is a folder/],
  ])('%j', async (line, message) => {
    const before = await readdir('.', { recursive: true });
    await expect(run(line)).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
    expect(await readdir('.', { recursive: true })).toEqual(before);
  });

  it.each([
    [['render', IN, '-o', 'in']],
    [['figure', IN, '-o', 'in']],
    [['search', 'a', '--db', 'db', '-o', 'in.png']],
    [['project', EVENTS, '-o', 'in.png']],
    [['analyze', 'clip.mp4', '-o', EVENTS]],
    [['report', 'in', '-o', EVENTS]],
    [['train', EVENTS, '-o', 'boxes.csv']],
  ])('refuses a folder for a file, and a file for a folder: %j', async (line) => {
    await mkdir('in.png', { recursive: true });
    await expect(run(line)).rejects.toMatchObject({ name: 'L2cafError', code: /^(usage|output-unwritable)$/ });
    expect(basename(folder)).toMatch(/^l2caf-outputs-/);
  });
});
