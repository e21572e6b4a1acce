import { copyFile, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { beforeAll, describe, expect, it } from 'vitest';
import { parsePictureAnalysis } from '../../src/stills/document.ts';
import { cnnLstm, pictureCnn } from '../models/onnx/tiny-networks.ts';
import { writeRandomSqueezeNet } from '../models/random-squeezenet.ts';
import { runCli } from './run-cli.ts';

let folder: string;
/** A network that is there, on the fastest way through it: the filter comes after the last layer. */
const NETWORK = ['--model', 'network', '--layer', 'conv10', '--size', '64x64', '--backend', 'wasm'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-image-'));
  await writeRandomSqueezeNet(join(folder, 'network'));
  for (const [name, color] of [
    ['red.png', '#c33'],
    ['blue.png', '#33c'],
  ] as const) {
    const context = createCanvas(90, 60).getContext('2d');
    context.fillStyle = color;
    context.fillRect(20, 10, 50, 30);
    await writeFile(join(folder, name), context.canvas.toBuffer('image/png'));
  }
  await writeFile(join(folder, 'text.jpg'), 'this is not a picture, whatever its name says\n');
});

describe('image', () => {
  it('writes numbers and figures for each picture and prints a table', async () => {
    const args = ['image', 'red.png', 'blue.png', ...NETWORK, '--top', '3', '--signed', '--sanity', '-o', 'out'];
    const { exitCode, stdout, stderr } = await runCli(args, { cwd: folder });
    expect({ exitCode, stderr: stderr.replace(/^(classifying|maps, l2|sanity check):.*\n/gm, '') }).toEqual({
      exitCode: 0,
      stderr: '',
    });
    expect((await readdir(join(folder, 'out'))).sort()).toEqual(
      ['blue', 'red'].flatMap((name) => [`${name}-sanity.png`, `${name}.json`, `${name}.png`]),
    );
    expect(stdout).toMatch(/^red\.png\nclass +loss +iterations +status +peak cell +opposing\n/);
    expect(stdout.match(/exact/g)).toHaveLength(6);
    expect(stdout).toMatch(/sanity check (passed|failed): mean rank correlation -?\d\.\d\d, /);
    const analysis = parsePictureAnalysis(JSON.parse(await readFile(join(folder, 'out', 'red.json'), 'utf8')));
    expect(analysis).toMatchObject({ model: { id: 'squeezenet1.1', layer: 'conv10' }, options: { method: 'l2caf' } });
    expect(analysis.maps).toHaveLength(3);
  });

  it('does the other pictures when one is bad, tells of it at its turn, and fails at the end', async () => {
    const files = ['red.png', 'text.jpg', 'missing.jpg', 'blue.png'];
    const classes = ['--classes', 'golden retriever,monarch'];
    const { exitCode, stdout, stderr } = await runCli(
      ['image', ...files, ...NETWORK, ...classes, '--json', '-q', '-o', 'some'],
      { cwd: folder },
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/error: text\.jpg is not a picture that can be read\nhint: give a whole JPEG/);
    expect(stderr).toMatch(/error: cannot read missing\.jpg: there is no such file/);
    const analyses = (JSON.parse(stdout) as unknown[]).map(parsePictureAnalysis);
    expect(analyses.map(({ source }) => source.path)).toEqual([join(folder, 'red.png'), join(folder, 'blue.png')]);
    expect(analyses[0]!.maps.map(({ target }) => target.kind === 'class' && target.label)).toEqual([
      'golden retriever',
      'monarch',
    ]);
    expect((await readdir(join(folder, 'some'))).sort()).toEqual(['blue.json', 'blue.png', 'red.json', 'red.png']);
  });

  it('tells how much of each map lies on objects, and draws their boxes when asked', async () => {
    const boxes = 'file,label,x,y,width,height\nred.png,square,20,10,50,30\nred.png,corner,0,0,20,10\n';
    await writeFile(join(folder, 'boxes.csv'), boxes);
    const args = [...NETWORK, '--top', '2', '--objects', 'boxes.csv', '-q'];
    const plain = await runCli(['image', 'red.png', 'blue.png', ...args, '-o', 'objects'], { cwd: folder });
    expect(plain).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/boxes\.csv has no boxes of blue\.png/) });
    expect(plain.stdout).toMatch(/\nobject +area .*\nsquare +28 % .*\ncorner +3\.7 % .*\nany object +31 % /);
    const { maps, objects } = parsePictureAnalysis(
      JSON.parse(await readFile(join(folder, 'objects', 'red.json'), 'utf8')),
    );
    expect(objects).toMatchObject({ format: 'CSV', list: [{ name: 'square' }, { name: 'corner' }] });
    expect(plain.stdout).toMatch(/\nwithout \(elsewhere\) .*\nsquare( +-?[\d.e-]+ \(-?[\d.e-]+\)){2}\ncorner /);
    // More of the probability of the likeliest class goes with half of the picture's middle than with a ninth of a corner cell.
    const [likeliest] = maps.map(({ objects: own }) => own!.without!);
    expect(likeliest!.map(({ object }) => object)).toEqual([0, 1]);
    expect(Math.abs(likeliest![0]!.lost)).toBeGreaterThan(Math.abs(likeliest![1]!.lost));
    for (const { filter, objects: own } of maps) {
      // 3 by 3 cells of 30 by 20 pixels: the square takes columns 0.67 to 2.33, rows 0.5 to 2.
      const [across, down] = [
        [1 / 3, 1, 1 / 3],
        [1 / 2, 1, 0],
      ] as const;
      expect([filter.width, filter.height]).toEqual([3, 3]);
      const energy = filter.values.map((value) => value ** 2);
      const inside = energy.reduce((sum, value, i) => sum + value * across[i % 3]! * down[Math.floor(i / 3)]!, 0);
      expect(own!.each[0]).toBeCloseTo(inside / energy.reduce((sum, value) => sum + value, 0), 9);
      expect(own!.share).toBeCloseTo(own!.each[0]! + own!.each[1]!, 9); // they do not overlap
    }
    await runCli(['image', 'red.png', ...args, '--show-objects', '-o', 'shown'], { cwd: folder });
    const [without, shown] = await Promise.all(
      ['objects', 'shown'].map((name) => readFile(join(folder, name, 'red.png'))),
    );
    expect(shown!.equals(without!)).toBe(false);
    const wrong = await runCli(['image', 'red.png', ...NETWORK, '--show-objects'], { cwd: folder });
    expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/draws the boxes of objects/) });
  });

  it('gives pictures of one name files of their own, also to two runs at once', async () => {
    for (const [day, name] of [
      ['day1', 'red'],
      ['day2', 'blue'],
    ] as const) {
      await mkdir(join(folder, day));
      await copyFile(join(folder, `${name}.png`), join(folder, day, 'cam.png'));
    }
    const run = (day: string) => runCli(['image', `${day}/cam.png`, ...NETWORK, '-q', '-o', 'days'], { cwd: folder });
    const results = await Promise.all(['day1', 'day2'].map(run));
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const files = ['cam-2.json', 'cam-2.png', 'cam.json', 'cam.png'];
    expect((await readdir(join(folder, 'days'))).sort()).toEqual(files);
    for (const { stdout } of results) {
      const document = /\S+\.json/.exec(stdout)![0];
      const { source } = parsePictureAnalysis(JSON.parse(await readFile(join(folder, document), 'utf8')));
      expect(stdout.startsWith('cam.png')).toBe(true);
      expect(source.path).toBe(join(folder, stdout === results[0]!.stdout ? 'day1' : 'day2', 'cam.png'));
    }
  });

  it.each<[string, string[], number, RegExp]>([
    ['a class that is none', ['--classes', 'retriever'], 2, /no ImageNet class.*\nhint: did you mean .*retriever/],
    ['a layer that is none', [...NETWORK, '--layer', 'conv11'], 2, /no layer named conv11\nhint: its layers: conv1, /],
    ['a network that is none', ['--model', 'alexnet'], 1, /no classification network alexnet\nhint: give resnet50/],
    ['an odd size', [...NETWORK, '--size', '100x64'], 2, /cannot take pictures of 100x64/],
    ['two ways to choose classes', ['--classes', 'monarch', '--top', '2'], 2, /cannot be used with option '--top/],
    ['a constraint on what has no filter', ['--method', 'gradcam', '--constraint', 'l1'], 2, /gradcam has no filter/],
    ['a solver that does not fit', [...NETWORK, '--solver', 'closed-form', '--constraint', 'l1'], 2, /is l1, not l2/],
    ['two pictures of one name', ['other/red.png'], 2, /two of the pictures are named red/],
    ['a folder', ['network'], 2, /network is a folder, not a picture\nhint: name the pictures in it/],
    ['an output folder that is a file', [...NETWORK, '-o', 'text.jpg'], 1, /error: cannot write text\.jpg/],
  ])('refuses %s, in one line and leaving no file', async (_, args, exitCode, message) => {
    const before = await readdir(folder, { recursive: true });
    const result = await runCli(['image', 'red.png', ...args, '-q'], { cwd: folder });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/^\s+at /m); // no stack trace
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it("explains the user's own network of pictures, with its labels, and refuses other networks in words", async () => {
    await writeFile(join(folder, 'own.onnx'), pictureCnn().bytes);
    await writeFile(join(folder, 'lstm.onnx'), cnnLstm().bytes);
    const own = ['--model', 'own.onnx', '--norm', '0..1', '--labels', 'ant,bee,cat,dog,elk', '-q'];
    const run = (...args: string[]) => runCli(['image', 'red.png', ...args], { cwd: folder });
    const chosen = await run(...own, '--target', 'class:Cat', '-o', 'own');
    expect(chosen).toMatchObject({ exitCode: 0 });
    expect(chosen.stdout).toMatch(/^red\.png\nclass +loss.*\ncat \d+\.\d %/);
    expect(chosen.stderr).toMatch(/^warning: filters act on features \(b c h w\): /);
    expect((await readdir(join(folder, 'own'))).sort()).toEqual(['red.json', 'red.png']);
    const unnamed = await run(...own.slice(0, 4), '-o', 'unnamed');
    expect(unnamed.stdout).toContain('all outputs');
    expect(unnamed.stderr).toContain('--kind scores: they are classes');
    for (const [args, message] of [
      [[...own, '--classes', 'cow'], /no class named "cow"\nhint: there are 5: ant, bee/],
      [[...own, '--target', 'output:bee'], /outputs are classes/],
      [[...own, '--target', 'similar:blue.png'], /a picture is not compared/],
      [['--model', 'lstm.onnx', '--norm', '0..1'], /lstm reads 3 frames of an event.*\nhint: l2caf analyze/],
      [[...NETWORK, '--norm', '0..1'], /network knows itself how it wants its pictures/],
    ] as const) {
      const refused = await run(...args);
      expect(refused.stderr).toMatch(message);
      expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    }
  });

  it('knows the layers of a network before it is fetched', async () => {
    const env = { L2CAF_CACHE: join(folder, 'no-cache'), npm_config_registry: 'http://127.0.0.1:9/' };
    const result = await runCli(['image', 'red.png', '--layer', 'conv9'], { cwd: folder, env });
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(/^error: resnet50-imagenet has no layer named conv9\nhint: its layers: conv1_pool, /);
  });

  it('shows examples in its help', async () => {
    expect((await runCli(['image', '--help'])).stdout).toContain('Examples:\n  $ l2caf image dog.jpg');
  });
});
