/** Embeddings as the TensorFlow embedding projector (https://projector.tensorflow.org) loads them. */
import { join } from 'node:path';
import { writeFileAtomically } from '../base/files.ts';
import type { EmbeddedRecord } from './event-table.ts';

const COLUMNS = ['label', 'id', 'split', 'video', 'start', 'end'] as const;

/**
 * Writes `tensors.tsv` (one embedding per line) and `metadata.tsv` (a heading, then one event per line). Returns both
 * paths. Throws L2cafError `output-unwritable`.
 */
export async function writeProjectorFiles(folder: string, events: readonly EmbeddedRecord[]): Promise<string[]> {
  const [tensors, metadata] = projectorFiles(folder);
  await writeFileAtomically(tensors, lines(events.map(({ embedding }) => [...embedding])));
  await writeFileAtomically(metadata, lines([COLUMNS, ...events.map(cellsOf)]));
  return [tensors, metadata];
}

/** The files that {@link writeProjectorFiles} writes. */
export function projectorFiles(folder: string): [tensors: string, metadata: string] {
  return [join(folder, 'tensors.tsv'), join(folder, 'metadata.tsv')];
}

function cellsOf({ label = '', id, split = '', video, span }: EmbeddedRecord): (string | number)[] {
  // Fields of this format cannot be quoted.
  const texts = [label, id, split, video].map((text) => text.replace(/[\t\r\n]+/g, ' '));
  return [...texts, span.startSec, span.endSec];
}

function lines(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.join('\t')}\n`).join('');
}
