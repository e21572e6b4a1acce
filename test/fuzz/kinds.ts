/** What is fuzzed: for every kind of input, something valid, its mutations, and the reader that has to cope. */
import { copyFile, link, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAnalysis, readAnalysis } from '../../src/analysis/document.ts';
import { keyframesOf } from '../../src/analysis/timeline.ts';
import { checkedOutcome } from '../../src/batch/answers.ts';
import { figuresOf } from '../../src/batch/event-figures.ts';
import { Journal } from '../../src/batch/journal.ts';
import { fromStored, readStored } from '../../src/batch/queued-event.ts';
import { Signer } from '../../src/batch/signatures.ts';
import { readRows } from '../../src/events/read.ts';
import { FeatureCache } from '../../src/features/cache.ts';
import { loadModel } from '../../src/models/model-directory.ts';
import { readNpy } from '../../src/models/npy.ts';
import { findModel } from '../../src/models/packaged.ts';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.ts';
import { readObjects } from '../../src/objects/read.ts';
import { parsePictureAnalysis } from '../../src/stills/document.ts';
import { OBJECT_FILES } from '../objects/files.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';
import type { FuzzKind } from './kind.ts';
import { mutateBytes, mutateJson, mutateLines, oneOf } from './mutate.ts';
import { prepareVideos, videoKind } from './videos.ts';

/** Lists of every format, valid. */
const LISTS: Readonly<Record<string, string>> = {
  'events.csv':
    'id,video,start,end,label,split\na,clip.mp4,0,1.5,left,train\nb,clip.mp4,0:01,0:02,"right, sharp",test\n',
  'semicolons.csv': 'video;start;end;label\nclip.mp4;0,5;1,5;x\n',
  'events.json': '[{"id":"a","video":"clip.mp4","start":0,"end":1},{"video":"clip.mp4","start":"0:01","end":2}]',
  'events.jsonl': '{"id":"a","video":"clip.mp4","start":0,"end":1}\n{"video":"clip.mp4","start":1,"end":2}\n',
  'bddx.csv':
    'Index,Input.Video,Answer.1start,Answer.1end,Answer.1action,Answer.1justification\n1,https://x/clip.mp4,0,5,stops,red\n',
  'drive.eaf':
    '<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///clip.mp4"/></HEADER><TIME_ORDER>' +
    '<TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/>\n<TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1500"/></TIME_ORDER>' +
    '<TIER TIER_ID="x"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">' +
    '<ANNOTATION_VALUE>left</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>',
};

const picture = {
  schema: 'l2caf-picture/1',
  l2cafVersion: '0.1.0',
  source: { path: '/x.png', width: 10, height: 10, sha256: 'a'.repeat(64) },
  model: {
    ...{ id: 'resnet50', weightsSha256: 'b'.repeat(64), layer: 'conv5' },
    ...{ inputSize: { width: 64, height: 64 }, grid: { height: 1, width: 2 } },
  },
  options: {
    ...{ backend: 'wasm', method: 'l2caf', solver: 'closed-form', solverReason: 'it is linear' },
    ...{ preset: 'paper', constraint: 'l2', seed: 0 },
  },
  predictions: [{ index: 1, label: 'a dog', probability: 0.5 }],
  maps: [
    {
      target: { kind: 'oblivious' },
      filter: { height: 1, width: 2, values: [0.6, -0.8] },
      ...{ loss: 1, iterations: 0, status: 'exact', peakCell: { row: 0, column: 1 }, opposingShare: 0.64 },
    },
  ],
  timingsSec: { features: 1, maps: 1 },
};

function npy(): Buffer {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117, ' ');
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00v\x00', 'latin1'), Buffer.from(`${header}\n`), Buffer.alloc(24)]);
}

/** Writes what all cases start from. */
export async function prepareKinds(folder: string): Promise<void> {
  const model = await findModel('driving');
  for (const name of MODEL_FILES) await copyFile(join(model, name), join(folder, `model-${name}`)); // for links
  const arrays = new Map([
    ['a', { shape: [2, 3], data: new Float32Array(6) }],
    ['b', { shape: [4], data: new Float32Array(4) }],
  ]);
  await writeSafetensors(join(folder, WEIGHTS), arrays);
  await prepareJournal(join(folder, JOURNAL), join(folder, JOURNAL_ENTRIES));
  await prepareVideos(folder);
}

/** A journal as a batch writes it, and what it says. */
async function prepareJournal(path: string, entriesPath: string): Promise<void> {
  const { journal } = await Journal.open(path); // which writes its first line
  await journal.append({ kind: 'failed', event: 'a', error: 'no', attempts: 2 });
  await journal.append({
    kind: 'made',
    event: 'b',
    files: { json: { key: 'k', bytes: 10 } },
    timingsSec: {},
    attempts: 1,
    figures: figuresOf(exampleAnalysis()),
  });
  await journal.close();
  const { journal: again, entries } = await Journal.open(path);
  await again.close();
  await writeFile(entriesPath, JSON.stringify(entries));
}

const JOURNAL = 'journal.jsonl';
const JOURNAL_ENTRIES = 'journal-entries.json';

/** What lies beside a model's model.json. */
const MODEL_FILES = ['weights.safetensors', 'reference.safetensors'];
const WEIGHTS = 'weights.safetensors';

/** All kinds, from what {@link prepareKinds} wrote. */
export async function fuzzKinds(folder: string): Promise<FuzzKind[]> {
  const manifest = JSON.parse(await readFile(join(await findModel('driving'), 'model.json'), 'utf8')) as unknown;
  const weightBytes = await readFile(join(folder, WEIGHTS));
  const journal = await readFile(join(folder, JOURNAL));
  const entries = JSON.parse(await readFile(join(folder, JOURNAL_ENTRIES), 'utf8')) as readonly unknown[];
  const texts = entries.map((entry) => JSON.stringify(entry));
  const answer = { figures: figuresOf(exampleAnalysis()), bytes: { json: 10 }, timingsSec: { a: 1 }, attempts: 1 };
  const signer = new Signer('a secret of sixteen letters');
  const event = {
    event: {
      ...{ id: 'a', video: 'clip.mp4', span: { startSec: 0, endSec: 1 }, listed: [] },
      facts: { sha256: 'a'.repeat(64), clip: { path: '/clip.mp4' } },
    },
    ...{ folder: '/out', outputs: ['json'], keys: { json: 'k' } },
    settings: { choice: {}, analysis: { target: { kind: 'oblivious' } }, draw: { ignore: [{ x: 0, y: 0 }] } },
  };
  const source = { trunkSha256: 'a'.repeat(64), stage: 'conv4', width: 32, height: 32, length: 12 };
  return [
    {
      name: 'documents',
      weight: 20,
      try: async (random, at) => {
        const text = mutateJson(exampleAnalysis(), random);
        const path = join(at, 'analysis.json');
        await writeFile(path, text);
        const analysis = await readAnalysis(path);
        keyframesOf(analysis);
        figuresOf(analysis);
        parseAnalysis(JSON.parse(JSON.stringify(analysis)), path); // what was read can be written
      },
    },
    {
      name: 'pictures’ documents',
      weight: 5,
      try: async (random) => void parsePictureAnalysis(jsonOf(mutateJson(picture, random))),
    },
    {
      name: 'lists',
      weight: 30,
      try: async (random, at) => {
        const name = oneOf(random, Object.keys(LISTS));
        const path = join(at, name);
        await writeFile(path, mutateLines(LISTS[name]!, random), oneOf(random, ['utf8', 'utf8', 'latin1', 'utf16le']));
        await readRows(path);
      },
    },
    {
      name: 'objects',
      weight: 10,
      try: async (random, at) => {
        const name = oneOf(random, Object.keys(OBJECT_FILES));
        const path = join(at, name);
        await writeFile(path, mutateLines(OBJECT_FILES[name]!, random), oneOf(random, ['utf8', 'utf8', 'latin1']));
        await readObjects(path);
      },
    },
    {
      name: 'weights',
      weight: 15,
      try: async (random, at) => {
        const isNpy = random.uniform() < 0.4;
        const path = join(at, isNpy ? 'a.npy' : 'a.safetensors');
        await writeFile(path, mutateBytes(isNpy ? npy() : weightBytes, random));
        if (isNpy) await readNpy(path);
        else await readSafetensors(path);
      },
    },
    {
      name: 'models',
      weight: 10,
      try: async (random, at) => {
        await writeFile(join(at, 'model.json'), mutateJson(manifest, random));
        for (const name of MODEL_FILES) await link(join(folder, `model-${name}`), join(at, name));
        await loadModel(at);
      },
    },
    {
      name: 'cache',
      weight: 10,
      try: async (random, at) => {
        const cache = new FeatureCache(at, source, 1e9);
        const frame = { videoSha256: 'b'.repeat(64), timestampSec: 1, mirrored: false, gain: 1 };
        const values = Uint16Array.from({ length: source.length }, (_, i) => i);
        await cache.write(frame, values);
        const path = cache.pathOf(frame);
        const whole = await readFile(path);
        const changed = mutateBytes(whole, random);
        await writeFile(path, changed);
        const found = await new FeatureCache(at, source, 1e9).read(frame);
        if (found.some((value, i) => value !== values[i])) throw new Error('damaged features were taken for good ones');
      },
    },
    {
      name: 'journals',
      weight: 10,
      try: async (random, at) => {
        const path = join(at, 'journal.jsonl');
        const isOwn = random.uniform() < 0.5; // as it is written now, or lines without a checksum, as earlier versions wrote them
        if (isOwn) await writeFile(path, mutateBytes(journal, random));
        else {
          const lines = entries.map((entry) =>
            random.uniform() < 0.5 ? mutateJson(entry, random) : JSON.stringify(entry),
          );
          const bytes = Buffer.from(`${lines.join('\n')}\n`);
          await writeFile(path, random.uniform() < 0.3 ? mutateBytes(bytes, random) : bytes);
        }
        const opened = await Journal.open(path);
        await opened.journal.close();
        if (isOwn && opened.entries.some((entry) => !texts.includes(JSON.stringify(entry)))) {
          throw new Error('a damaged line was taken for a good one');
        }
      },
    },
    {
      name: 'answers of workers',
      weight: 15,
      try: async (random) => {
        const made: unknown = JSON.parse(JSON.stringify(answer));
        checkedOutcome(jsonOf(mutateJson(made, random)), ['json']);
        const told = signer.sign('event 1', jsonOf(mutateJson(event, random)));
        const stored = { event: told, turns: { tried: [], lacking: { a: 1 }, attempts: 0 } };
        fromStored(readStored(random.uniform() < 0.5 ? stored : jsonOf(mutateJson(stored, random))), signer, '1');
      },
    },
    await videoKind(folder),
  ];
}

/** What JSON text says; undefined where it says nothing. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
