import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeAudioOnly, makeClip, makeTruncated } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';
import { runCli } from './run-cli.ts';

let folder: string;
let clip: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-bad-'));
  clip = await makeClip(join(folder, 'good.mp4'), { frames: 50 });
  await writeFile(join(folder, 'empty.mp4'), '');
  await writeFile(join(folder, 'text.mp4'), 'this is not a video, whatever its name says\n'.repeat(100));
  await makeTruncated(clip, join(folder, 'truncated.mp4'));
  await makeAudioOnly(join(folder, 'audio.mp4'));
  await makeClip(join(folder, 'short.mp4'), { frames: 2 });
  await mkdir(join(folder, 'folder.mp4'));
  await writeFile(join(folder, 'far.csv'), 'frame,id,x,y,w,h\n90,1,5,5,20,20\n');
});

/** Runs it in the folder of the clips and checks that it failed in the right way, leaving nothing. */
async function expectFailure(
  args: readonly string[],
  exitCode: number,
  message: RegExp,
  env: Record<string, string> = {},
): Promise<void> {
  const before = await readdir(folder, { recursive: true });
  const result = await runCli(args, { cwd: folder, env });
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(/^\s+at /m); // no stack trace
  expect(result.stdout).toBe('');
  expect(result.exitCode).toBe(exitCode);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
}

describe('analyze refuses, in one line and leaving no file', () => {
  it.each<[string, string[], number, RegExp]>([
    ['a file that is not there', ['nothing.mp4'], 1, /error: there is no file nothing\.mp4/],
    ['a folder', ['folder.mp4'], 1, /error: cannot read folder\.mp4: it is a folder/],
    ['an empty file', ['empty.mp4'], 1, /error: cannot read empty\.mp4: it is empty/],
    ['a text file named .mp4', ['text.mp4'], 1, /error: cannot read text\.mp4: it is not a video/],
    ['a truncated file', ['truncated.mp4'], 1, /error: cannot read truncated\.mp4: it is truncated/],
    ['sound without pictures', ['audio.mp4'], 1, /error: cannot read audio\.mp4: .*(no video|only)/],
    ['a clip shorter than the frames asked for', ['short.mp4'], 1, /holds 2 frames, fewer than the 3 asked for/],
    ['a start after the end', ['good.mp4', '--start', '1.5', '--end', '1'], 1, /1\.5–1 s is empty/],
    ['an end beyond the clip', ['good.mp4', '--end', '60'], 1, /reaches beyond the end of the clip.*2\.00 s long/],
    ['a start beyond the clip', ['good.mp4', '--start', '60'], 1, /starts after the end of the clip/],
    ['a negative start', ['good.mp4', '--start=-1'], 2, /--start.*expected seconds/],
    ['NaN for a time', ['good.mp4', '--start', 'NaN'], 2, /--start.*expected seconds/],
    ['NaN for a number', ['good.mp4', '--frames', 'NaN'], 2, /--frames.*expected a whole number/],
    ['no frames', ['good.mp4', '--frames', '0'], 2, /--frames.*expected a whole number from 1/],
    ['a size that is none', ['good.mp4', '--size', '384'], 2, /--size.*expected WIDTHxHEIGHT/],
    [
      'a size that gives too few cells',
      ['good.mp4', '--size', '64x64'],
      1,
      /64x64 are too small.*\nhint: .*2x2 feature/,
    ],
    ['a size that the network cannot take', ['good.mp4', '--size', '100x100'], 1, /cannot take pictures of 100x100/],
    ['levels outside 0 to 1', ['good.mp4', '--levels', '0.5,2'], 2, /--levels.*between 0 and 1/],
    ['a level that is no number', ['good.mp4', '--levels', 'high'], 2, /--levels.*between 0 and 1/],
    ['an opacity above 1', ['good.mp4', '--alpha', '7'], 2, /--alpha.*from 0 to 1/],
    ['a list of events that is not there', ['good.mp4', '--events', 'no.csv'], 1, /error: cannot read no\.csv/],
    [
      'a list of events that is none',
      ['good.mp4', '--events', 'text.mp4'],
      1,
      /text\.mp4 cannot be used: .*no column video/,
    ],
    ['a file of objects that is not there', ['good.mp4', '--objects', 'no.csv'], 1, /error: cannot read no\.csv/],
    [
      'a file of objects that is none',
      ['good.mp4', '--objects', 'text.mp4'],
      1,
      /has no column for frame or time.*\nhint/,
    ],
    [
      'objects of another clip',
      ['good.mp4', '--objects', 'far.csv'],
      1,
      /far\.csv has the frame 90, and those of the clip are 0 to 49\nhint: .*--objects-first/,
    ],
    [
      'how objects are read, without any',
      ['good.mp4', '--objects-fps', '5'],
      2,
      /--objects-fps says how a file of objects/,
    ],
    ['a window longer than the clip', ['good.mp4', '--dense'], 1, /a window of 3 s does not fit into .* 2\.00 s/],
    ['both an event and windows', ['good.mp4', '--whole', '--stride', '1'], 2, /--whole takes the clip as one event/],
    ['a trace of a drive', ['good.mp4', '--dense', '--trace'], 2, /a dense analysis keeps no trace/],
    ['a scale that is none', ['good.mp4', '--scale', '9'], 2, /--scale.*a factor up to 4/],
    [
      'a mask that is not there',
      ['good.mp4', '--ignore', 'none.png'],
      2,
      /--ignore.*expected x,y,width,height .*or a picture \(cannot read none\.png: there is no/,
    ],
    [
      'half a rectangle',
      ['good.mp4', '--ignore', '1,2'],
      2,
      /--ignore.*expected x,y,width,height.*cannot read 1,2: there/,
    ],
    ['a mask that is a folder', ['good.mp4', '--ignore', 'folder.mp4'], 2, /--ignore.*folder\.mp4: it is a folder/],
    ['a mask that is no picture', ['good.mp4', '--ignore', 'text.mp4'], 2, /--ignore.*text\.mp4 is not a picture/],
    ['an unknown backend', ['good.mp4', '--backend', 'quantum'], 2, /--backend.*Allowed choices are/],
    ['an option it does not know', ['good.mp4', '--colour', 'red'], 2, /unknown option '--colour'/],
    ['no clip at all', [], 2, /missing required argument 'clips'/],
  ])('%s', async (_, args, exitCode, message) => {
    await expectFailure(['analyze', ...args], exitCode, message);
  });

  it('an output folder that is a file', async () => {
    await expectFailure(['analyze', 'good.mp4', '-o', 'text.mp4'], 1, /error: cannot write text\.mp4/);
  });

  it.skipIf(process.platform !== 'linux')('an output folder where the system makes none', async () => {
    await expectFailure(['analyze', 'good.mp4', '-o', '/proc/x'], 1, /error: cannot write \/proc\/x/);
  });

  it.skipIf(process.getuid?.() === 0)('an output folder that cannot be written to', async () => {
    const locked = await mkdtemp(join(tmpdir(), 'l2caf-locked-'));
    await chmod(locked, 0o500);
    await expectFailure(['analyze', 'good.mp4', '-o', join(locked, 'out')], 1, /error: cannot write/);
    await rm(locked, { recursive: true });
  });

  it('a backend that is not installed', async () => {
    const env = { L2CAF_TFJS_NODE: folder };
    await expectFailure(
      ['analyze', 'good.mp4', '--backend', 'tensorflow'],
      1,
      /the tensorflow backend is not installed/,
      env,
    );
  });

  it('to go on when FFMPEG_PATH is wrong', async () => {
    await expectFailure(['analyze', 'good.mp4'], 1, /FFMPEG_PATH/, { FFMPEG_PATH: join(folder, 'no-such-ffmpeg') });
  });
});

describe('render refuses, in one line and leaving no file', () => {
  it.each<[string, unknown, RegExp]>([
    ['a file that is not there', undefined, /error: cannot read analysis\.json/],
    ['something that is no analysis', { hello: 'world' }, /has the schema undefined/],
    [
      'an analysis whose clip is gone',
      exampleAnalysis({ path: '/no/such/clip.mp4' }),
      /there is no file \/no\/such\/clip\.mp4/,
    ],
    ['an analysis whose clip has changed', () => exampleAnalysis({ path: clip }), /is not the file that was analyzed/],
  ])('%s', async (_, content, message) => {
    const path = join(folder, 'analysis.json');
    const value: unknown = typeof content === 'function' ? (content as () => unknown)() : content;
    if (value !== undefined) await writeFile(path, JSON.stringify(value));
    await expectFailure(['render', 'analysis.json'], 1, message);
    await rm(path, { force: true });
  });
});

describe('other commands refuse, in one line and leaving no file', () => {
  it.each<[string, string[], RegExp]>([
    [
      'train: a folder without events',
      ['train', 'folder.mp4'],
      /error: folder\.mp4 cannot be used: the folder holds no video/,
    ],
    [
      'train: an output folder that is a file',
      ['train', 'none.csv', '-o', 'good.mp4'],
      /error: cannot write good\.mp4/,
    ],
    ['search: a database that is a file', ['search', 'x', '--db', 'good.mp4'], /good\.mp4: it is not a folder\n/],
    ['report: an analysis that is not there', ['report', 'none.json'], /cannot read none\.json: there is no such file/],
  ])('%s', async (_, args, message) => {
    await expectFailure([...args, ...(args[0] === 'train' ? ['--backend', 'wasm'] : [])], 1, message);
  });
});

describe('models', () => {
  it('names the models it knows when asked for another', async () => {
    await expectFailure(['models', 'info', 'resnet5000'], 1, /there is no model named resnet5000.*\nhint: .*driving/);
    await expectFailure(['analyze', 'good.mp4', '--model', 'nothing'], 1, /there is no model named nothing/);
    await expectFailure(['models', 'pull', 'resnet5000'], 1, /there is no model named resnet5000/);
    const file = /good\.mp4 is no network that can be read\nhint: networks are ONNX/;
    await expectFailure(['analyze', 'good.mp4', '--model', 'good.mp4'], 1, file);
    await expectFailure(['analyze', 'good.mp4', '--model', '.'], 1, /there is no model in the folder \./);
  });
  it('says under what the packaged heads and their data may be used', async () => {
    const listed = (await runCli(['models', 'list'])).stdout;
    expect(listed).toMatch(/^driving .*MIT/m);
    expect(listed).toMatch(/^driving-camvid .*CC BY-NC 4\.0/m);
    expect((await runCli(['models', 'info'])).stdout).toMatch(/^licence, head driving +MIT$/m);
    const { stdout } = await runCli(['models', 'info', 'driving-camvid']);
    expect(stdout).toMatch(/^licence, head driving-camvid +CC BY-NC 4\.0$/m);
    expect(stdout).toMatch(/^licence, training data sim-track +none stated$/m);
    expect(stdout).toMatch(/^licence, training data ImageNet-1k +.*non-commercial/m);
  });
});

describe('the command line', () => {
  it('prints its help and version, and suggests commands', async () => {
    const help = await runCli(['--help']);
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    expect(help.stdout).toContain('analyze [options] <clips...>');
    expect((await runCli(['--version'])).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    const typo = await runCli(['analyse', clip]);
    expect(typo).toMatchObject({ exitCode: 2, stdout: '' });
    expect(typo.stderr).toContain('Did you mean analyze?');
  });

  it('shows examples for every command', async () => {
    for (const command of ['analyze', 'render', 'doctor']) {
      expect((await runCli([command, '--help'])).stdout).toContain('Examples:\n  $ l2caf');
    }
  });

  it('doctor fails when something is missing and says what to do', async () => {
    const empty = join(folder, 'empty-cache');
    const fresh = await runCli(['doctor', '--probe', '--json'], { env: { L2CAF_CACHE: empty } });
    expect(fresh.exitCode).toBe(0);
    const findings = JSON.parse(fresh.stdout) as { name: string; verdict: string; advice?: string }[];
    expect(findings.find(({ name }) => name === 'model')).toMatchObject({
      verdict: 'warn',
      advice: expect.stringContaining('models pull'),
    });
    expect(findings.find(({ name }) => name === 'probe')).toMatchObject({
      verdict: 'warn',
      advice: 'l2caf models pull resnet50-imagenet',
    });
    const broken = await runCli(['doctor'], { env: { L2CAF_CACHE: empty, FFMPEG_PATH: '/no/ffmpeg' } });
    expect(broken.exitCode).toBe(1);
    expect(broken.stdout).toMatch(/fail {2}ffmpeg/);
    await mkdir(join(empty, 'trunks'), { recursive: true });
    await writeFile(join(empty, 'trunks', 'resnet50-imagenet.safetensors'), 'damaged');
    const damaged = await runCli(['doctor'], { env: { L2CAF_CACHE: empty } });
    expect(damaged.exitCode).toBe(1);
    expect(damaged.stdout).toMatch(/fail {2}model.*is damaged/);
    await rm(empty, { recursive: true });
  });
});
