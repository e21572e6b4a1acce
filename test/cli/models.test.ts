/** `l2caf models list` and `models info` of heads that were trained here. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeStillHeads } from '../support/still-heads.ts';
import { runCli } from './run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-models-'));
  await writeStillHeads(join(folder, 'heads'), [
    { kind: 'acol', outputs: 2, labels: ['stop', 'go'], erase: 0.6 },
    { kind: 'retrieval', outputs: 3 },
  ]);
  for (const name of ['net.onnx', 'other.pt']) await writeFile(join(folder, 'heads', name), '');
  const licences = [{ of: 'weights', licence: 'Apache-2.0' }];
  await writeFile(join(folder, 'heads', 'net.json'), JSON.stringify({ model: 'net.onnx', licences }));
  await mkdir(join(folder, 'empty'));
  await cp(join(import.meta.dirname, '..', '..', 'models', 'driving'), join(folder, 'events'), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

const models = (...args: readonly string[]) => runCli(['models', ...args], { cwd: folder });

it('lists the networks in folders: heads for pictures and for events, and files of the user', async () => {
  const { stdout, exitCode } = await models('list', 'heads', 'events');
  expect(exitCode).toBe(0);
  expect(stdout.split('\n').slice(1, -1)).toEqual([
    expect.stringMatching(
      /^heads.acol +still head +here +MIT +.*\(acol\) on resnet50-imagenet after conv4, 2 classes$/,
    ),
    expect.stringMatching(/^heads.net\.onnx +network +here +Apache-2\.0 +/),
    expect.stringMatching(/^heads.other\.pt +network +here +not stated +network of yours that is not read: /),
    expect.stringMatching(/^heads.retrieval +still head .*\(retrieval\) .*an embedding of 3$/),
    expect.stringMatching(/^events +head +here +MIT +trained head on resnet50-imagenet/),
  ]);
  expect((await models('list')).stdout).toMatch(/\ndriving +head +packaged/);
  expect(await models('list', 'empty')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/error: empty holds no network\nhint: /),
  });
  expect((await models('list', 'gone')).stderr).toMatch(/^error: cannot read gone: .*\n$/);
});

it('tells everything of a head for pictures', async () => {
  const { stdout } = await models('info', join('heads', 'acol'));
  expect(stdout).toMatch(/^id +my-acol$/m);
  expect(stdout).toMatch(/^trunk +resnet50-imagenet after conv4, grid 4x4$/m);
  expect(stdout).toMatch(/^head +two adversarial branches \(acol\); convolutions of 2 and 4 channels$/m);
  expect(stdout).toMatch(/^classes +stop, go$/m);
  expect(stdout).toMatch(/^training data +drawn: CC0$/m);
  expect(stdout).toMatch(/^figure +val\npictures +2\ntop1 +0\.5$/m);
  const { stdout: json } = await models('info', join('heads', 'retrieval'), '--json');
  expect(JSON.parse(json)).toMatchObject({ id: 'my-retrieval', head: { kind: 'retrieval', outputs: 3 } });
  expect((await models('info', join('heads', 'retrieval'))).stdout).toMatch(/none: an embedding of 3 numbers/);
});

it('sends those who ask for a file of a network to what reads it', async () => {
  const file = join('heads', 'net.onnx');
  expect(await models('info', file)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining(`hint: l2caf models inspect ${file}`),
  });
});
