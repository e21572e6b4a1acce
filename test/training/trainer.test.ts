/** The loop: it learns, is reproducible, continues where it stopped, and stops when it must. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import type { FeatureCache } from '../../src/features/cache.ts';
import type { PlannedEvent } from '../../src/features/dataset.ts';
import { useBackend } from '../../src/models/backend.ts';
import { type HeadSpec, untrainedHead } from '../../src/models/head.ts';
import { freshState, readCheckpoint, type StepRecord, type TrainingState } from '../../src/training/checkpoint.ts';
import { domainFigures } from '../../src/training/domain-figures.ts';
import { BatchSampler } from '../../src/training/sampler.ts';
import { type TrainerOptions, type TrainingRun, train } from '../../src/training/trainer.ts';
import { TOY_FRAMES, TOY_SPEC, toyCache, toyEvents } from './toy.ts';

const OPTIONS: TrainerOptions = {
  loss: 'triplet',
  mining: 'semi-hard',
  margin: 0.2,
  classifierWeight: 1,
  denseWeight: 1,
  sparsityWeight: 0,
  selectionWeight: 0,
  agreementWeight: 0.3,
  relationWeights: {},
  learningRate: 0.02,
  weightDecay: 0.01,
  warmUpSteps: 2,
  steps: 20,
  seed: 5,
  frames: TOY_FRAMES,
  dropout: 0.2,
  maxGradientNorm: 5,
  checkpointEvery: 7,
};

const { pool: _, ...withoutPooling } = TOY_SPEC;
const ATTENTIVE_SPEC: HeadSpec = { ...withoutPooling, attention: { heads: 2, keys: 4 } };

let cache: FeatureCache;
let events: PlannedEvent[];
beforeAll(async () => {
  cache = await toyCache();
  events = await toyEvents(cache);
});
afterAll(() => rm(cache.folder, { recursive: true }));

function newRun(changes: Partial<TrainerOptions> = {}, more: Partial<TrainingRun> = {}): TrainingRun {
  const options = { ...OPTIONS, ...changes };
  return {
    spec: TOY_SPEC,
    options,
    sampler: new BatchSampler(events, {
      seed: options.seed,
      classesPerBatch: 3,
      eventsPerClass: 4,
      mirroredLabels: new Map(),
    }),
    cache,
    checkpoint: { path: join(cache.folder, 'checkpoint.safetensors'), fingerprint: 'run' },
    ...more,
  };
}

function newState(): TrainingState {
  return freshState(untrainedHead(TOY_SPEC, 5).weights);
}

function expectEqualWeights(a: TrainingState, b: TrainingState): void {
  for (const [name, { data }] of a.weights)
    expect(Buffer.compare(Buffer.from(data.buffer), Buffer.from(b.weights.get(name)!.data.buffer)), name).toBe(0);
}

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each([
    ['triplet', 'pooling', TOY_SPEC, 40],
    ['npair', 'pooling', TOY_SPEC, 40],
    ['triplet', 'attention', ATTENTIVE_SPEC, 100],
  ] as const)(
    'learns to tell labels apart with the %s loss and %s, and leaks nothing',
    async (loss, _, spec, steps) => {
      const state = freshState(untrainedHead(spec, 5).weights);
      const before = tf.memory().numTensors;
      await train(newRun({ loss, steps, dropout: 0 }, { spec }), state);
      expect(tf.memory().numTensors).toBe(before);
      expect(state.history).toHaveLength(steps);
      expect(state.history.at(-1)!.parts['classifier']!).toBeLessThan(0.3 * state.history[0]!.parts['classifier']!);
      const head = { spec, origin: { kind: 'untrained', seed: 5 } as const, weights: state.weights };
      const { toy } = await domainFigures(head, events, 'test', { cache, seed: 0 });
      expect(toy).toMatchObject({ events: 6, knn: 1, mapAtRNoOverlap: 1 });
    },
  );

  it('continues from a checkpoint to the same weights', async () => {
    const whole = newState();
    await train(newRun(), whole);

    const controller = new AbortController();
    const onStep = ({ step }: StepRecord): void => {
      if (step === 9) controller.abort();
    };
    const run = newRun({}, { onStep, signal: controller.signal });
    await expect(train(run, newState())).rejects.toMatchObject({ code: 'aborted' });
    const resumed = await readCheckpoint(run.checkpoint.path, 'run');
    expect(resumed.step).toBe(9);
    await train(newRun(), resumed);
    expectEqualWeights(resumed, whole);
    expect(resumed.history).toEqual(whole.history);
  });
});

describe('on cpu', () => {
  beforeAll(() => useBackend('cpu'));

  it('stops at the step at which the loss is not a number, with the checkpoint before it', async () => {
    const state = newState();
    const run = newRun(
      {},
      {
        onStep: ({ step }) => {
          if (step === 8) state.weights.get('embedding/kernel')!.data[0] = Number.NaN;
        },
      },
    );
    await expect(train(run, state)).rejects.toMatchObject({
      code: 'diverged',
      message: expect.stringContaining('step 9'),
    });
    expect((await readCheckpoint(run.checkpoint.path, 'run')).step).toBe(7);
    expect(tf.memory().numTensors).toBe(0);
  });

  it('refuses the checkpoint of another run', async () => {
    const run = newRun({ steps: 1 });
    await train(run, newState());
    await expect(readCheckpoint(run.checkpoint.path, 'other')).rejects.toMatchObject({ code: 'model-invalid' });
    await expect(readCheckpoint(join(cache.folder, 'none'), 'run')).rejects.toMatchObject({ code: 'input-not-found' });
  });

  it('validates at every checkpoint', async () => {
    const state = newState();
    const validate = async ({ step }: TrainingState): Promise<Record<string, number>> => ({ step });
    await train(newRun({}, { validate }), state);
    expect(state.validation).toEqual([7, 14, 20].map((step) => ({ step, figures: { step } })));
  });
});
