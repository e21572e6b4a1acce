/** A thread that explains events: it holds the head, which is small, while the trunk runs elsewhere. */

import { serveThread } from '../base/threads.ts';
import { type BackendChoice, useBackend } from '../models/backend.ts';
import { createRecurrentHead } from '../models/event-network.ts';
import type { Head } from '../models/head.ts';
import type { FeatureMaps } from '../models/recurrent-tail.ts';
import { type ExplainOptions, type Explanation, explainMaps } from './explain.ts';

/** What the thread is started with. */
export interface ExplainThreadData {
  readonly head: Head;
  readonly backend: BackendChoice;
  readonly options: Omit<ExplainOptions, 'signal' | 'onProgress'>;
}

await serveThread<ExplainThreadData, FeatureMaps, Explanation>(async ({ head, backend, options }) => {
  await useBackend(backend);
  const recurrent = createRecurrentHead(head);
  return (maps) => explainMaps(recurrent, maps, options);
});
