/** Events for tests of retrieval: random directions, a few videos, overlapping spans. */

import { createRandom } from '../../src/base/random.ts';
import type { EmbeddingModel } from '../../src/retrieval/embedding-model.ts';
import type { EmbeddedRecord } from '../../src/retrieval/event-table.ts';
import type { EventSource } from '../../src/retrieval/index-events.ts';

/** A model that exists by name only. */
export const MODEL: EmbeddingModel = { name: 'one, 3 frames of 64x64', frames: 3, sha256: '1'.repeat(64) };
/** Another one. */
export const OTHER_MODEL: EmbeddingModel = { name: 'two, 3 frames of 64x64', frames: 3, sha256: '2'.repeat(64) };

/** Events of 3 s, one a second, of videos with ten events each; labels x and y in turn. */
export function someRecords(count: number): EmbeddedRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const random = createRandom(7, i);
    const video = Math.floor(i / 10);
    return {
      id: `event-${i}`,
      video: `/drives/${video}.mp4`,
      videoSha256: String(video).padStart(64, '0'),
      span: { startSec: i % 10, endSec: (i % 10) + 3 },
      label: i % 2 === 0 ? 'x' : 'y',
      split: 'train',
      embedding: Float32Array.from({ length: 8 }, () => 5 * random.normal()),
    };
  });
}

/** A source of these events that counts what it is asked for. */
export function sourceOf(
  records: readonly EmbeddedRecord[],
  model = MODEL,
): EventSource & { readonly asked: string[] } {
  const asked: string[] = [];
  const embed: EventSource['embed'] = async (indices) => {
    asked.push(...indices.map((i) => records[i]!.id));
    return indices.map((i) => records[i]!.embedding);
  };
  return { model, records: records.map(({ embedding: _, ...record }) => record), embed, asked };
}
