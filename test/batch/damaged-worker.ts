/** A worker whose trunk is not the one that its head was trained on: its cached weights have another hash. */
import { serveWorker } from '../../src/batch/serve.ts';
import { useBackend } from '../../src/models/backend.ts';
import { EventNetwork } from '../../src/models/event-network.ts';
import { tinyHead } from '../support/tiny-network.ts';

serveWorker(async () => {
  const { head, pretrained } = await tinyHead();
  // Not by damaging the file: the other workers of a test write and read the same one meanwhile.
  const network = await EventNetwork.load(head, { ...pretrained, weightsSha256: '0'.repeat(64) });
  return { network, backend: await useBackend('wasm'), warnings: [] };
});
