/** A worker with the tiny network. */
import { serveWorker } from '../../src/batch/serve.ts';
import { tinyNetwork } from '../support/tiny-network.ts';

serveWorker(() => tinyNetwork('wasm'));
