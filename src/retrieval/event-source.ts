/** Where events to be embedded come from: an events file, whose frames are run through a model, or analyses. */
import { extname } from 'node:path';
import { L2cafError } from '../errors.ts';
import { readEvents } from '../training/events.ts';
import { readAnalyses } from './analyses.ts';
import { type EmbedderOptions, openEmbedder } from './embedder.ts';
import { type EventSource, recordOf } from './index-events.ts';

/**
 * Opens one events file (CSV), or analyses and folders with analyses.
 *
 * @throws L2cafError `usage` for a mixture; as `readEvents`, `openEmbedder` and `readAnalyses`
 */
export async function openEventSource(
  paths: readonly string[],
  { model, ...options }: EmbedderOptions & { readonly model: string },
): Promise<EventSource> {
  const tables = paths.filter((path) => extname(path).toLowerCase() === '.csv');
  if (tables.length === 0) return readAnalyses(paths);
  if (tables.length < paths.length || tables.length > 1) {
    throw new L2cafError('usage', 'give one events file, or analyses, but not both', {
      hint: 'run l2caf index once for each: they go into the same database',
    });
  }
  const embedder = await openEmbedder(model, options);
  const planned = await embedder.plan(await readEvents(tables[0]!, options.signal));
  return {
    model: embedder.model,
    records: planned.map(recordOf),
    embed: (indices, onProgress) =>
      embedder.embed(
        indices.map((i) => planned[i]!),
        onProgress,
      ),
  };
}
