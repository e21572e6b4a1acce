/** What a worker reads and writes for a job of a queue. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { L2cafError } from '../../src/base/errors.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import type { FilesBeside } from '../../src/batch/beside.ts';
import { Desk, LackError } from '../../src/batch/desk.ts';
import type { QueuedEvent } from '../../src/batch/queued-event.ts';
import { Videos } from '../../src/batch/videos.ts';
import { makeClip } from '../support/clips.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'l2caf-desk-'));
  for (const name of ['out', 'videos', 'elsewhere']) await mkdir(join(root, name));
  await writeFile(join(root, 'out', 'journal.jsonl'), '');
  await writeFile(join(root, 'videos', 'a.mp4'), '');
  await writeFile(join(root, 'elsewhere', 'secret.mp4'), '');
});
afterAll(() => rm(root, { recursive: true }));

function queued(video: string, folder = '/nowhere', target: object = { kind: 'oblivious' }): QueuedEvent {
  const event = { id: 'e', video, facts: { sha256: '', clip: { path: join(root, 'elsewhere', 'secret.mp4') } } };
  const settings = { analysis: { target } };
  return { event, folder, outputs: ['json'], settings, keys: {} } as unknown as QueuedEvent;
}

it.each(['a.mp4', '/data/a.mp4', 'C:\\data\\a.mp4', '../day2/a.mp4', 'file:///data/a.mp4'])(
  'looks for %s in the folder of the videos',
  async (video) => {
    const desk = new Desk({ jobs: () => 1, output: join(root, 'out'), videos: join(root, 'videos') });
    await expect(desk.expectPlaces(queued(video))).resolves.toBeUndefined();
  },
);

it('looks nowhere else where it has such a folder', async () => {
  const desk = new Desk({ jobs: () => 1, output: join(root, 'out'), videos: join(root, 'videos') });
  const outside = join(root, 'elsewhere', 'secret.mp4');
  for (const video of ['../elsewhere/secret.mp4', outside, `file://${outside}`, 'x/../../elsewhere/secret.mp4']) {
    await expect(desk.expectPlaces(queued(video))).rejects.toBeInstanceOf(LackError);
  }
});

it('takes the clip that events are compared with from there alone, too', async () => {
  const desk = new Desk({ jobs: () => 1, output: join(root, 'out'), videos: join(root, 'videos') });
  const similarTo = (path: string) => queued('a.mp4', '/nowhere', { kind: 'similar', facts: { clip: { path } } });
  await expect(desk.expectPlaces(similarTo(join(root, 'videos', 'b.mp4')))).resolves.toBeUndefined();
  for (const path of [join(root, 'elsewhere', 'secret.mp4'), join(root, 'videos', '..', 'x.mp4'), '/dev/zero']) {
    await expect(desk.expectPlaces(similarTo(path))).rejects.toThrow(/is not in the folder/);
  }
});

it('lacks a folder that holds no batch', async () => {
  const desk = new Desk({ jobs: () => 1 });
  await expect(desk.expectPlaces(queued('a.mp4', join(root, 'elsewhere')))).rejects.toThrow(/folder is not here/);
  await expect(desk.expectPlaces(queued('a.mp4', join(root, 'out')))).resolves.toBeUndefined();
});

it('opens the model where this machine has it, if that is said', async () => {
  const { facts } = queued('real.mp4').event;
  const real = await new Videos().facts(await makeClip(join(root, 'videos', 'real.mp4')));
  const tried: (string | undefined)[] = [];
  for (const model of ['/mnt/net.onnx', undefined]) {
    const desk = new Desk({
      ...{ jobs: () => 1, output: join(root, 'out'), videos: join(root, 'videos'), ...(model && { model }) },
      describe: async (choice) => {
        tried.push(choice.model);
        throw new L2cafError('model-invalid', 'none');
      },
    });
    const job = queued('real.mp4');
    const settings = { ...job.settings, choice: { backend: 'wasm', model: '/data/net.onnx' } as const };
    const event = { ...job.event, facts: { ...facts, sha256: real.sha256 } };
    await expect(desk.run({ ...job, event, settings })).rejects.toBeInstanceOf(LackError);
  }
  expect(tried).toEqual(['/mnt/net.onnx', '/data/net.onnx']);
});

it('looks for files of objects and signals where it has the videos, and takes none with another content', async () => {
  const video = await new Videos().facts(await makeClip(join(root, 'videos', 'beside.mp4')));
  await writeFile(join(root, 'videos', 'boxes.csv'), 'frame,x,y,w,h\n0,1,2,3,4\n');
  await writeFile(join(root, 'elsewhere', 'signals.csv'), 'time,speed\n0,1\n');
  const sha256 = await sha256OfFile(join(root, 'videos', 'boxes.csv'));
  let opened = 0;
  const run = async (beside: FilesBeside, videos?: string): Promise<string> => {
    const desk = new Desk({
      ...{ jobs: () => 1, output: join(root, 'out'), ...(videos !== undefined && { videos: join(root, videos) }) },
      describe: async () => {
        opened++;
        throw new L2cafError('model-invalid', 'all was found');
      },
    });
    const job = queued('beside.mp4');
    const { clip } = video;
    const event = { ...job.event, ...beside, facts: { ...job.event.facts, clip, sha256: video.sha256 } };
    const settings = { ...job.settings, choice: { backend: 'wasm' } as const };
    const error = await desk.run({ ...job, event, settings }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LackError);
    return (error as Error).message;
  };
  const called = { path: '/data/boxes.csv', sha256 };
  expect(await run({ objects: called, signals: called }, 'videos')).toBe('all was found');
  expect(await run({ objects: { path: join(root, 'videos', 'boxes.csv'), sha256 } })).toBe('all was found');
  expect(opened).toBe(2);
  expect(await run({ objects: called })).toMatch(/there is no file \/data\/boxes\.csv/);
  expect(await run({ signals: { path: join(root, 'elsewhere', 'signals.csv'), sha256 } }, 'videos')).toMatch(
    /there is no file .*signals\.csv/,
  );
  expect(await run({ objects: { ...called, sha256: 'f'.repeat(64) } }, 'videos')).toMatch(/its content differs/);
  expect(opened).toBe(2);
});

it('says at its start that a file beside a video is not here', async () => {
  const desk = new Desk({ jobs: () => 1, output: join(root, 'out'), videos: join(root, 'videos') });
  const job = queued('a.mp4');
  const event = { ...job.event, objects: { path: '/data/gone.csv', sha256: '' } };
  await expect(desk.expectPlaces({ ...job, event })).rejects.toThrow(/there is no file .*gone\.csv/);
});
