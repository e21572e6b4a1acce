/**
 * Events made ready for a study: planned, their features in the cache, and one after another as the feature maps and tails
 * that are measured. All studies of events open them here.
 */
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import type { ProgressListener } from '../base/types.ts';
import { CachedMaps } from '../features/cached-maps.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import { openFeatureCache, prepareFeatures } from '../features/features.ts';
import type { FeatureTail } from '../l2caf/tail.ts';
import type { BackendInfo } from '../models/backend.ts';
import { createRecurrentHead } from '../models/event-network.ts';
import type { RecurrentTail } from '../models/event-tail.ts';
import type { Head } from '../models/head.ts';
import type { RecurrentOutput } from '../models/recurrent-tail.ts';
import type { FeatureMaps } from '../models/video-model.ts';
import { forgetfulHead, type MapSubject } from './baseline-maps.ts';

/** What maps explain: the embedding, or the class that is the event's label. */
export const STUDY_TARGETS = ['oblivious', 'label'] as const;
/** See {@link STUDY_TARGETS}. */
export type StudyTarget = (typeof STUDY_TARGETS)[number];

/** What all studies of events need to know. */
export interface StudyContext {
  readonly target: StudyTarget;
  /** Of everything that is drawn at random. */
  readonly seed: number;
  /** The backend that runs in this process. */
  readonly backend: BackendInfo['name'];
  readonly onProgress?: ProgressListener | undefined;
  /** Told what was wrong with videos and with the cache, one line each. */
  readonly onWarning?: ((note: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One event, ready to be measured. */
export interface Subject extends MapSubject {
  readonly planned: PlannedEvent;
  /** Its place among the events. */
  readonly index: number;
  readonly maps: FeatureMaps;
  readonly tail: RecurrentTail;
  /** The tail of other feature maps under the same head, such as those without a frame. The caller disposes of it. */
  tailOf(maps: FeatureMaps): FeatureTail;
}

/**
 * Measures every event; frames go through the trunk once, into the cache that training uses too.
 *
 * @throws L2cafError `usage` when labels are explained that the model has no class for; as `prepareFeatures`; `aborted`
 */
export async function measureEvents<T>(
  head: Head,
  events: readonly PlannedEvent[],
  context: StudyContext,
  measure: (subject: Subject) => Promise<T>,
): Promise<T[]> {
  const { target, onProgress, signal } = context;
  const objectives = objectivesOf(head, events, target);
  const cache = openFeatureCache(head.spec);
  await prepareFeatures(events, head.spec, cache, context);
  const recurrent = createRecurrentHead(head);
  const forgetful = once(() => createRecurrentHead(forgetfulHead(head, context.seed)));
  const shallow = new CachedMaps(head, cache);
  const output: RecurrentOutput = target === 'label' ? 'logits' : 'embedding';
  const results: T[] = [];
  try {
    for (const [index, planned] of events.entries()) {
      throwIfAborted(signal);
      onProgress?.({ stage: 'measuring', done: index, total: events.length, unit: 'events' });
      const maps = await shallow.of(planned);
      const tail = recurrent.tail(maps, output);
      const reinitialised = once(() => forgetful.get().tail(maps, output));
      try {
        results.push(
          await measure({
            planned,
            index,
            maps,
            tail,
            objective: objectives[index]!,
            reinitialised: reinitialised.get,
            tailOf: (others) => recurrent.tail(others, output),
          }),
        );
      } finally {
        tail.dispose();
        reinitialised.dispose();
      }
    }
  } finally {
    shallow.dispose();
    recurrent.dispose();
    forgetful.dispose();
  }
  onProgress?.({ stage: 'measuring', done: events.length, total: events.length, unit: 'events' });
  return results;
}

/** Something that is made when it is first asked for, and disposed of if it was. */
function once<T extends { dispose(): void }>(make: () => T): { get(): T; dispose(): void } {
  let made: T | undefined;
  return {
    get: () => {
      made ??= make();
      return made;
    },
    dispose: () => made?.dispose(),
  };
}

/** What the maps of each event explain; throws as {@link measureEvents}. */
export function objectivesOf(
  { spec }: Head,
  events: readonly PlannedEvent[],
  target: StudyTarget,
): MapSubject['objective'][] {
  const labels = events.map(({ event }) => event.label);
  if (target === 'oblivious') return labels.map(() => ({ kind: target }));
  const { labels: classes = [] } = spec;
  const unknown = [...new Set(labels)].filter((label) => !classes.includes(label));
  if (unknown.length === 0) return labels.map((label) => ({ kind: 'class', index: classes.indexOf(label) }));
  throw new L2cafError('usage', `the model has no class named ${unknown.join(', ')}`, {
    hint: `${classes.length > 0 ? `its classes: ${classes.join(', ')}` : 'it has no classifier'}; use --target oblivious`,
  });
}
