/** What an embedding depends on beside the clip: embeddings can be compared only if all of it is the same. */
import { createHash } from 'node:crypto';
import type { Analysis } from '../analysis/document.ts';
import { type Head, headName, headSha256 } from '../models/head.ts';
import { findPretrained } from '../models/pretrained.ts';
import type { ImportedDescription } from '../models/video-model.ts';

/** Names a space of embeddings. */
export interface EmbeddingModel {
  /** For people. */
  readonly name: string;
  /** Frames that are sampled from an event. */
  readonly frames: number;
  /** Tells it apart: over the weights of trunk and head, the size of the frames and their number. */
  readonly sha256: string;
}

/** The model that embeds events of `frames` frames with this head. */
export function embeddingModelOf(head: Head, frames: number): EmbeddingModel {
  const { spec, origin } = head;
  return describeModel({
    name: headName(origin),
    trunkSha256: findPretrained(spec.trunk).weightsSha256,
    stage: spec.stage,
    headSha256: headSha256(head),
    size: spec.inputSize,
    frames,
  });
}

/** The model that an analysis was made with. */
export function embeddingModelOfAnalysis({ model, frames }: Analysis): EmbeddingModel {
  if (model.kind === 'imported') return embeddingModelOfImported(model, frames.length);
  const { head } = model;
  return describeModel({
    name: headName(head),
    trunkSha256: model.trunkSha256,
    stage: model.stage,
    headSha256: head.sha256,
    size: model.inputSize,
    frames: frames.length,
  });
}

/** A network of the user's: its hash is over the file and its card. */
export function embeddingModelOfImported(
  {
    id,
    sha256,
    output,
    inputSize: { width, height },
  }: Pick<ImportedDescription, 'id' | 'sha256' | 'output' | 'inputSize'>,
  frames: number,
): EmbeddingModel {
  return {
    name: `${id}, ${frames} frames of ${width}x${height}`,
    frames,
    sha256: createHash('sha256')
      .update(JSON.stringify([sha256, output, frames]))
      .digest('hex'),
  };
}

interface Parts {
  readonly name: string;
  readonly trunkSha256: string;
  readonly stage: string;
  readonly headSha256: string;
  readonly size: { readonly width: number; readonly height: number };
  readonly frames: number;
}

function describeModel({ name, trunkSha256, stage, headSha256: head, size, frames }: Parts): EmbeddingModel {
  const key = JSON.stringify([trunkSha256, stage, head, size.width, size.height, frames]);
  return {
    name: `${name}, ${frames} frames of ${size.width}x${size.height}`,
    frames,
    sha256: createHash('sha256').update(key).digest('hex'),
  };
}
