/** A worker that fails with every event. */
import { serveWorker } from '../../src/batch/serve.ts';
import { L2cafError } from '../../src/errors.ts';
import { tinyNetwork } from '../tiny-network.ts';

serveWorker(async () => {
  const opened = await tinyNetwork('wasm');
  opened.network.mapsOf = () => {
    throw new L2cafError('ffmpeg-crashed', 'this worker fails');
  };
  return opened;
});
