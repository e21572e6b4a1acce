/** What an embedding depends on beside the clip: embeddings can be compared only if all of it is the same. */
import { createHash } from 'node:crypto';
import type { Analysis } from '../analysis/document.ts';
import type { PictureSize } from '../base/types.ts';
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
  const { weightsSha256 } = findPretrained(spec.trunk);
  return embeddingModelOfOwn(headName(origin), [weightsSha256, spec.stage, headSha256(head)], spec.inputSize, frames);
}

/** The model that an analysis was made with. */
export function embeddingModelOfAnalysis({ model, frames }: Analysis): EmbeddingModel {
  if (model.kind === 'imported') return embeddingModelOfImported(model, frames.length);
  const { head, trunkSha256, stage, inputSize } = model;
  return embeddingModelOfOwn(headName(head), [trunkSha256, stage, head.sha256], inputSize, frames.length);
}

/** A network of this project: its hash is over the weights and where they were cut, and the frames. */
function embeddingModelOfOwn(
  name: string,
  parts: readonly [trunkSha256: string, stage: string, headSha256: string],
  size: PictureSize,
  frames: number,
): EmbeddingModel {
  return named(name, size, frames, [...parts, size.width, size.height, frames]);
}

/** A network of the user's: its hash is over the file and its card. */
export function embeddingModelOfImported(
  { id, sha256, output, inputSize }: Pick<ImportedDescription, 'id' | 'sha256' | 'output' | 'inputSize'>,
  frames: number,
): EmbeddingModel {
  return named(id, inputSize, frames, [sha256, output, frames]);
}

function named(name: string, { width, height }: PictureSize, frames: number, key: readonly unknown[]): EmbeddingModel {
  return {
    name: `${name}, ${frames} frames of ${width}x${height}`,
    frames,
    sha256: createHash('sha256').update(JSON.stringify(key)).digest('hex'),
  };
}
