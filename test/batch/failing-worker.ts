/** A worker that fails with every event. */

import { L2cafError } from '../../src/base/errors.ts';
import { serveWorker } from '../../src/batch/serve.ts';
import { tinyNetwork } from '../support/tiny-network.ts';

serveWorker(async () => {
  const opened = await tinyNetwork('wasm');
  opened.network.mapsOf = () => {
    throw new L2cafError('ffmpeg-crashed', 'this worker fails');
  };
  return opened;
});
