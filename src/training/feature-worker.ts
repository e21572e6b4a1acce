/** A thread of the extractor pool: a wasm backend and a trunk of its own; answers one job after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { useBackend } from '../models/backend.ts';
import { createExtractor, type ExtractionJob, type TrunkChoice, type WorkerAnswer } from './extractor.ts';

const port = parentPort!;
const answer = (message: WorkerAnswer): void => {
  const buffers = 'features' in message ? message.features.map(({ buffer }) => buffer as ArrayBuffer) : [];
  port.postMessage(message, buffers);
};

try {
  await useBackend('wasm');
  const extractor = await createExtractor(workerData as TrunkChoice);
  port.on('message', (job: ExtractionJob) => {
    extractor.extract(job).then(
      (features) => answer({ features }),
      (error: unknown) => answer({ error: messageOf(error) }),
    );
  });
  answer({ features: [] });
} catch (error) {
  answer({ error: messageOf(error) });
}
