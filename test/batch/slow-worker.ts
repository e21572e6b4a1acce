/** A worker that takes its time for each event, so that a test can kill it while it is at work. */
import { setTimeout } from 'node:timers/promises';
import { serveWorker } from '../../src/batch/serve.ts';
import { tinyNetwork } from '../support/tiny-network.ts';

const WORK_MS = 500;

serveWorker(async () => {
  const opened = await tinyNetwork('wasm');
  const { network } = opened;
  const mapsOf = network.mapsOf.bind(network);
  network.mapsOf = async (features) => {
    await setTimeout(WORK_MS);
    return mapsOf(features);
  };
  return opened;
});
