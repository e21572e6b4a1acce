/** A worker whose trunk was damaged after the batch was planned. */
import { truncate } from 'node:fs/promises';
import { serveWorker } from '../../src/batch/serve.ts';
import { useBackend } from '../../src/models/backend.ts';
import { EventNetwork } from '../../src/models/event-network.ts';
import { weightsPath } from '../../src/models/pretrained.ts';
import { tinyHead } from '../support/tiny-network.ts';

serveWorker(async () => {
  const { head, pretrained } = await tinyHead();
  await truncate(weightsPath(pretrained), 1000);
  return { network: await EventNetwork.load(head, pretrained), backend: await useBackend('wasm'), warnings: [] };
});
