/** A thread of the extractor pool: a wasm backend and a trunk of its own; answers one job after another. */

import { serveThread } from '../base/threads.ts';
import { useBackend } from '../models/backend.ts';
import { createExtractor, type ExtractionJob, type TrunkChoice } from './extractor.ts';

await serveThread<TrunkChoice, ExtractionJob, Uint16Array[]>(
  async (choice) => {
    await useBackend('wasm');
    const { extract } = await createExtractor(choice);
    return extract;
  },
  (features) => features.map(({ buffer }) => buffer as ArrayBuffer),
);
