/** Where events to be embedded come from: a list, whose frames are run through a model, or analyses. */
import { readdir, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { MAX_DOCUMENT_BYTES } from '../analysis/document.ts';
import { L2cafError, messageOf } from '../base/errors.ts';
import { jsonIn, readInput } from '../base/input-files.ts';
import { type LabelledOptions, readEvents } from '../events/labelled.ts';
import { readAnalyses } from './analyses.ts';
import { type EmbedderOptions, openEmbedder } from './embedder.ts';
import { type EventSource, recordOf } from './index-events.ts';

/** The model for a list, and where its videos lie. */
export interface EventSourceOptions extends EmbedderOptions, Pick<LabelledOptions, 'videos' | 'onNote'> {
  readonly model: string;
}

/**
 * Opens one list of events, or analyses and folders with analyses.
 *
 * @throws L2cafError `usage` for a mixture; as `readEvents`, `openEmbedder` and `readAnalyses`
 */
export async function openEventSource(
  paths: readonly string[],
  { model, videos, onNote, ...options }: EventSourceOptions,
): Promise<EventSource> {
  const areAnalyses = await Promise.all(paths.map(holdsAnalyses));
  if (!areAnalyses.includes(false)) {
    if (videos !== undefined) {
      throw new L2cafError('usage', '--videos says where the videos of a list lie; analyses know their own');
    }
    return readAnalyses(paths, onNote);
  }
  if (paths.length > 1) {
    throw new L2cafError('usage', 'give one list of events, or analyses, but not both', {
      hint: 'run l2caf index once for each: they go into the same database',
    });
  }
  const embedder = await openEmbedder(model, { ...options, onNote });
  const events = await readEvents(paths[0]!, { needs: [], videos, onNote, signal: options.signal });
  const planned = await embedder.plan(events);
  return {
    model: embedder.model,
    records: planned.map(recordOf),
    close: () => embedder.close(),
    embed: (indices, onProgress) =>
      embedder.embed(
        indices.map((i) => planned[i]!),
        onProgress,
      ),
  };
}

/** Whether a path is an analysis, or a folder that holds some; anything else is a list of events. */
async function holdsAnalyses(path: string): Promise<boolean> {
  const cannotRead = (cause: unknown): never => {
    throw new L2cafError('input-not-found', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  };
  const info = await stat(path).catch(cannotRead);
  if (info.isDirectory()) {
    const names = await readdir(path, { recursive: true }).catch(cannotRead);
    return names.some((name) => /(^|[\\/])analysis\.json$/.test(name));
  }
  if (extname(path).toLowerCase() !== '.json') return false;
  // Whoever reads it as a list says what is wrong.
  const document = jsonIn(await readInput(path, { maxBytes: MAX_DOCUMENT_BYTES })) as {
    readonly schema?: unknown;
  } | null;
  return typeof document?.schema === 'string'; // as every analysis states its own
}
