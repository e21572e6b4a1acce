/** Analyses as arrays for NumPy: filters, maps and what belongs to each frame, and a manifest that says what is what. */
import type { Analysis } from '../analysis/document.ts';
import { keyframesOf } from '../analysis/timeline.ts';
import { concatenated } from '../base/matrix.ts';
import { VERSION } from '../base/version.ts';
import { type ExportedEvent, readExported } from './exported.ts';
import { type NpzMember, type NumpyArray, writeNpz } from './npz.ts';

/** Version of the archive's shape. */
export const ARRAYS_SCHEMA = 'l2caf-arrays/1';

/**
 * Writes one archive of several analyses (docs/exports.md): `ID/filters` and so on, and `manifest.json`.
 *
 * @param onDone told how many are done
 * @throws L2cafError as `readAnalysis` and `writeNpz`
 */
export async function writeArrays(
  path: string,
  events: readonly ExportedEvent[],
  onDone: (count: number) => void = () => {},
): Promise<void> {
  await writeNpz(path, membersOf(events, onDone));
}

async function* membersOf(
  events: readonly ExportedEvent[],
  onDone: (count: number) => void,
): AsyncGenerator<NpzMember> {
  const manifest: object[] = [];
  for await (const { event, analysis } of readExported(events)) {
    const arrays = arraysOf(analysis);
    for (const [name, array] of Object.entries(arrays)) yield { name: `${event.id}/${name}`, array };
    manifest.push({
      ...describe(event, analysis),
      arrays: Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape])),
    });
    onDone(manifest.length);
  }
  const text = JSON.stringify({ schema: ARRAYS_SCHEMA, l2cafVersion: VERSION, events: manifest }, undefined, 1);
  yield { name: 'manifest.json', bytes: Buffer.from(`${text}\n`) };
}

/** What is known of an event that is not an array. */
function describe({ id, path, label, split }: ExportedEvent, analysis: Analysis): object {
  const { source, span, model, options, labels, numbers, signals, objects, warnings, verdict } = analysis;
  return {
    ...{ id, path, ...(label !== undefined && { label }), ...(split !== undefined && { split }) },
    ...{ source, span, model, options, warnings },
    ...(verdict && { verdict }),
    ...(labels && { labels }),
    ...(numbers && { numbers: numbers.names }),
    ...(signals && { signals: signals.names }),
    ...(objects && { objects: objects.list.map(({ name }) => name) }),
  };
}

/** The arrays of one analysis of t frames. */
function arraysOf(analysis: Analysis): Readonly<Record<string, NumpyArray>> {
  const { frames, embedding, signals, objects } = analysis;
  const [{ filter }] = frames as [Analysis['frames'][number]];
  const maps = keyframesOf(analysis).map(({ heatmap }) => heatmap);
  const t = frames.length;
  const perFrame = (read: (frame: Analysis['frames'][number]) => number | undefined): NumpyArray => ({
    shape: [t],
    values: Float64Array.from(frames, (frame) => read(frame) ?? Number.NaN),
  });
  const { probabilities } = frames[0]!;
  return {
    filters: {
      shape: [t, filter.height, filter.width],
      values: Float32Array.from(frames.flatMap((frame) => frame.filter.values)),
    },
    maps: { shape: [t, maps[0]!.height, maps[0]!.width], values: concatenated(maps.map(({ values }) => values)) },
    times: perFrame(({ timestampSec }) => timestampSec),
    loss: perFrame(({ loss }) => loss),
    ...(frames.some(({ importance }) => importance !== undefined) && {
      importance: perFrame(({ importance }) => importance),
    }),
    ...(probabilities && {
      probabilities: matrix(frames.map((frame) => frame.probabilities ?? probabilities.map(() => Number.NaN))),
    }),
    ...(signals && { signals: matrix(frames.map((_, i) => signals.values.map((own) => own[i] ?? Number.NaN))) }),
    ...(objects && {
      objects: matrix(
        frames.map((frame) =>
          objects.list.map(
            (_, place) => frame.objects?.each.find(({ object }) => object === place)?.share ?? Number.NaN,
          ),
        ),
      ),
    }),
    embedding: { shape: [embedding.length], values: Float64Array.from(embedding) },
  };
}

function matrix(rows: readonly (readonly number[])[]): NumpyArray {
  return { shape: [rows.length, rows[0]!.length], values: Float64Array.from(rows.flat()) };
}
