import { ANALYSIS_SCHEMA, type Analysis } from '../../src/analysis/document.ts';

/** A small valid document; `source` may point to a clip. */
export function exampleAnalysis(source: Partial<Analysis['source']> = {}): Analysis {
  const values = [0.8, -0.6, 0, 0];
  return {
    schema: ANALYSIS_SCHEMA,
    l2cafVersion: '0.0.0',
    source: {
      path: '/clips/a.mp4',
      sha256: 'a'.repeat(64),
      width: 640,
      height: 360,
      frameRate: { numerator: 30000, denominator: 1001 },
      durationSec: 3,
      rotationDeg: 0,
      ...source,
    },
    span: { startSec: 0, endSec: 3 },
    model: {
      kind: 'event-network',
      trunk: 'resnet50-imagenet',
      trunkSha256: 'b'.repeat(64),
      stage: 'conv4',
      head: { kind: 'untrained', seed: 0, sha256: 'c'.repeat(64) },
      inputSize: { width: 64, height: 64 },
      grid: { height: 2, width: 2 },
    },
    options: {
      backend: 'wasm',
      method: 'l2caf',
      target: 'oblivious',
      solver: 'gd',
      solverReason: 'asked for',
      preset: 'paper',
      constraint: 'l2',
      seed: 0,
    },
    warnings: ['untrained'],
    embedding: [0.5, -0.25],
    frames: [0.5, 1.5].map((timestampSec, timestep) => ({
      timestep,
      timestampSec,
      filter: { height: 2, width: 2, values },
      loss: 0.125,
      lossHistory: [0.5, 0.125],
      iterations: 100,
      status: 'converged' as const,
      peakCell: { row: 0, column: 0 },
      opposingShare: 0.36,
    })),
    timingsSec: { decode: 0.1, trunk: 0.2, filters: 0.3 },
  };
}
