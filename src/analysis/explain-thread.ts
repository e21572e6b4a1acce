/** A thread that explains events: it holds the head, which is small, while the trunk runs elsewhere. */

import { serveThread } from '../base/threads.ts';
import { useBackend } from '../models/backend.ts';
import type { BackendChoice } from '../models/choices.ts';
import { headDistance } from '../models/familiarity.ts';
import { eventOutputs, type Head } from '../models/head.ts';
import { createRecurrentHead, ForgetfulHeads } from '../models/head-tails.ts';
import type { RecurrentOutput } from '../models/recurrent-tail.ts';
import type { FeatureMaps } from '../models/video-model.ts';
import { type ExplainOptions, type Explanation, explainMaps } from './explain.ts';
import type { ObjectPart } from './objects.ts';

/** What the thread is started with. */
export interface ExplainThreadData {
  readonly head: Head;
  readonly backend: BackendChoice;
  readonly options: Omit<ExplainOptions, 'signal' | 'onProgress' | 'objects'>;
}

/** An event to explain. */
export interface ExplainJob {
  readonly maps: FeatureMaps;
  /** Of each frame, those that belong to objects. */
  readonly parts?: readonly (readonly ObjectPart[])[];
}

await serveThread<ExplainThreadData, ExplainJob, Explanation>(async ({ head, backend, options }) => {
  await useBackend(backend);
  const recurrent = createRecurrentHead(head);
  const forgetful = new ForgetfulHeads(head);
  const network = {
    outputs: eventOutputs(head.spec),
    tail: (maps: FeatureMaps, output?: string) => recurrent.tail(maps, output as RecurrentOutput),
    redrawn: (maps: FeatureMaps, output?: string) => forgetful.tails(maps, output),
    distance: (maps: FeatureMaps) => headDistance(head, maps),
  };
  return ({ maps, parts }) => explainMaps(network, maps, options, parts);
});
