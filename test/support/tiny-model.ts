/** The tiny network of `tiny-network.ts` in a test: its cache is a temporary folder. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { OpenModel } from '../../src/analysis/pipeline.ts';
import type { EngineChoice } from '../../src/models/choices.ts';
import type { EventNetwork } from '../../src/models/event-network.ts';
import { tinyNetwork } from './tiny-network.ts';

/** Makes the model on the given backend. The caller disposes of the network. */
export async function tinyModel(backend: EngineChoice): Promise<OpenModel<EventNetwork>> {
  vi.stubEnv('L2CAF_CACHE', await mkdtemp(join(tmpdir(), 'l2caf-tiny-')));
  return tinyNetwork(backend);
}
