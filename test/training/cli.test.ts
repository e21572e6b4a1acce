/** What the commands that train and measure refuse: one message, the right exit code, no file. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-train-cli-'));
  await writeFile(
    join(folder, 'gone.csv'),
    'id,video,start,end,label,split\na,x.mp4,0,1,stop,train\nb,y.mp4,0,1,go,test\n',
  );
  await writeFile(join(folder, 'boxes.csv'), 'file,x,y,w,h\na.png,1,1,5,5\n');
  await writeFile(join(folder, 'classes.csv'), 'file,x,y,w,h,class\na.png,1,1,5,5,cat\nb.png,1,1,5,5,dog\n');
});
afterAll(() => rm(folder, { recursive: true }));

it.each<[string, string[], number, RegExp]>([
  ['no events', ['train'], 2, /no events to train on/],
  ['an events file that is not there', ['train', 'none.csv'], 1, /cannot read none\.csv/],
  ['all missing videos at once', ['train', 'gone.csv'], 1, /line 2: .*x\.mp4.*\n.*line 3: .*y\.mp4/],
  ['two domains of one name', ['train', 'gone.csv', 'gone.csv'], 2, /two lists are named gone/],
  ['dense labels of no domain', ['train', 'gone.csv', '--dense', 'city=x'], 2, /--dense city: the domains are gone/],
  ['classes of no dense labels', ['train', 'gone.csv', '--dense-classes', 'gone=car'], 2, /there is no --dense gone/],
  ['relations of no domain', ['train', 'gone.csv', '--relation', 'city=1'], 2, /--relation city: the domains are gone/],
  ['the licence of no domain', ['train', 'gone.csv', '--licence', 'city=MIT'], 2, /--licence city: .* gone\n.*weights/],
  ['a licence of nothing', ['train', 'gone.csv', '--licence', 'MIT'], 2, /expected NAME=LICENCE/],
  ['one number of channels', ['train', 'gone.csv', '--channels', '64'], 2, /expected A,B/],
  ['a domain without a file', ['train', '--domain', 'city'], 2, /expected NAME=PATH/],
  ['a size the trunk cannot take', ['train', 'gone.csv', '--size', '100x100'], 1, /cannot take pictures of 100x100/],
  ['a norm of its own trunk', ['train', 'gone.csv', '--norm', 'imagenet'], 2, /resnet50-imagenet knows itself how/],
  ['a trunk that is not there', ['train', 'gone.csv', '--trunk', 'none.onnx'], 1, /none\.onnx/],
  ['a trunk of PyTorch', ['train', 'gone.csv', '--trunk', 'net.pt'], 1, /\.pt files hold weights or code/],
  ['pictures that are not there', ['train-stills', 'none'], 1, /there is no none/],
  ['pictures without a class', ['train-stills', 'boxes.csv'], 1, /does not say of which class a\.png is/],
  ['pictures without a split', ['train-stills', 'classes.csv'], 1, /classes has no pictures for training/],
  [
    'what another head has',
    ['train-stills', 'classes.csv', '--erase', '0.5'],
    2,
    /--erase is for --head acol, not gap/,
  ],
  [
    'what no other head has',
    ['train-stills', 'classes.csv', '--head', 'acol', '--drop-rate', '0.5'],
    2,
    /--drop-rate is for --head adl/,
  ],
  [
    'no pairs',
    ['train-stills', 'classes.csv', '--head', 'retrieval', '--per-class', '1'],
    2,
    /--per-class must be 2 or more/,
  ],
  [
    'the first stage as one that learns',
    ['train-stills', 'classes.csv', '--stage', 'conv2', '--fine-tune'],
    2,
    /conv2 is the first/,
  ],
  [
    'a file as one that learns',
    ['train-stills', 'classes.csv', '--trunk', 'x.onnx', '--fine-tune'],
    2,
    /--fine-tune is not for x\.onnx/,
  ],
  ['a rate of what does not learn', ['train-stills', 'classes.csv', '--tune-rate', '0.1'], 2, /give --fine-tune, too/],
  ['a norm of a trunk of ours', ['train-stills', 'classes.csv', '--norm', 'imagenet'], 2, /knows itself how/],
  ['a folder without a model', ['evaluate', 'retrieval', 'gone.csv', '--model', 'none'], 1, /there is no model/],
])('refuses %s', async (_, args, exitCode, message) => {
  const before = await readdir(folder, { recursive: true });
  const result = await runCli(args, { cwd: folder });
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(/^\s+at /m); // no stack trace
  expect(result.exitCode).toBe(exitCode);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
});
