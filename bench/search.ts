/** Milliseconds per search among 100,000 generated embeddings: exhaustive, as `l2caf search` does it, and by an index. */
import { connect, Index, type VectorQuery } from '@lancedb/lancedb';
import { createRandom, type Random } from '../src/base/random.ts';
import { type EmbeddedRecord, EventTable } from '../src/retrieval/event-table.ts';
import { writeResults } from './results.ts';
import { median, temporaryFolder } from './support.ts';

const EVENTS = 100_000;
const DIMENSIONS = 64;
/** Embeddings lie around so many centres, as those of a trained head do. */
const GROUPS = 200;
const QUERIES = 200;
const K = 10;
const MODEL = { name: 'generated', frames: 3, sha256: '0'.repeat(64) };

/** `npm run bench -- search`. */
export async function run(): Promise<void> {
  const folder = temporaryFolder();
  const table = await EventTable.openOrCreate(folder);
  for (let first = 0; first < EVENTS; first += 10_000) {
    await table.put(
      MODEL,
      Array.from({ length: 10_000 }, (_, i) => generated(first + i)),
    );
  }
  await table.compact();
  const queries = Array.from({ length: QUERIES }, (_, i) => ({ ...generated(EVENTS + i), video: 'new' }));
  const where = "label = 'label 3'";
  const all = { k: K, exclude: 'overlap' } as const;
  const plain = await timed(queries, (query) => table.nearest(query, query.embedding, all));
  const filtered = await timed(queries, (query) => table.nearest(query, query.embedding, { ...all, where }));

  const lance = await (await connect(folder)).openTable('events');
  const search = (query: EmbeddedRecord): VectorQuery =>
    lance.vectorSearch(query.embedding).distanceType('l2').select(['id', '_distance']).limit(K);
  const exhaustive = await timed(queries, (query) => search(query).bypassVectorIndex().toArray());
  await lance.createIndex('embedding', { config: Index.ivfFlat({ distanceType: 'l2', numPartitions: 316 }) });
  const indexed = await timed(queries, (query) => search(query).nprobes(20).toArray());
  const hits = indexed.answers.map((ids, i) => ids.filter((id) => exhaustive.answers[i]!.includes(id)).length);
  const recall = hits.reduce((sum, count) => sum + count, 0) / (K * QUERIES);
  const row = (what: string, { ms }: Timed, found: string): string[] => [
    what,
    median(ms).toFixed(1),
    [...ms].sort((a, b) => a - b)[Math.floor(0.95 * ms.length)]!.toFixed(1),
    (median(ms) / median(exhaustive.ms)).toFixed(2),
    found,
  ];
  await writeResults({
    name: 'search',
    command: 'npm run bench -- search',
    tables: [
      {
        columns: ['search', 'ms, median', 'ms, 95 %', 'ratio to exhaustive', `recall of the nearest ${K}`],
        rows: [
          row('exhaustive', exhaustive, '1'),
          row('IVF, 316 lists, 20 searched', indexed, recall.toFixed(3)),
          row('l2caf search, --exclude overlap', plain, '1'),
          row(`the same, --where "${where}"`, filtered, '1'),
        ],
        notes: [
          `${EVENTS} embeddings of ${DIMENSIONS} numbers around ${GROUPS} centres, ${QUERIES} queries, on disk. To reach: under 50 ms.`,
        ],
      },
    ],
  });
}

interface Timed {
  readonly ms: readonly number[];
  readonly answers: readonly (readonly string[])[];
}

/** Times a search per query; the first is not counted. */
async function timed(
  queries: readonly EmbeddedRecord[],
  search: (query: EmbeddedRecord) => Promise<readonly { id: string }[]>,
): Promise<Timed> {
  await search(queries[0]!);
  const ms: number[] = [];
  const answers: string[][] = [];
  for (const query of queries) {
    const start = performance.now();
    const found = await search(query);
    ms.push(performance.now() - start);
    answers.push(found.map(({ id }) => id));
  }
  return { ms, answers };
}

const CENTRES = Array.from({ length: GROUPS }, (_, group) => directionOf(createRandom(1, group)));

function generated(i: number): EmbeddedRecord {
  const random = createRandom(2, i);
  const group = Math.floor(random.uniform() * GROUPS);
  const video = Math.floor(i / 100);
  return {
    id: `event-${i}`,
    video: `/drives/${video}.mp4`,
    videoSha256: String(video).padStart(64, '0'),
    span: { startSec: i % 100, endSec: (i % 100) + 3 },
    label: `label ${group % 10}`,
    split: 'train',
    embedding: directionOf(random).map((value, k) => value + 2 * CENTRES[group]![k]!),
  };
}

function directionOf(random: Random): Float32Array {
  return Float32Array.from({ length: DIMENSIONS }, () => random.normal());
}
