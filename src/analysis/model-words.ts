/** What documents say of their networks and targets, in the words of captions and pages. */
import type { GridShape } from '../base/types.ts';
import type { Analysis } from './document.ts';

type DocumentModel = Analysis['model'];

/** Whether what it looks at is random. */
export function isUntrained(model: DocumentModel): boolean {
  return model.kind === 'event-network' && model.head.kind === 'untrained';
}

/** What the network is called. */
export function modelName(model: DocumentModel): string {
  if (model.kind === 'imported') return model.id;
  return model.head.kind === 'trained' ? model.head.id : `untrained head, seed ${model.head.seed}`;
}

/** What a map explains: a document's target (`oblivious`, `class:NAME`, `output:NAME`, `similar:CLIP@START-END`). */
export function targetName(target: string): string {
  const [, kind, name = ''] = /^(class|output|similar):(.+)$/s.exec(target) ?? [];
  if (kind === 'class') return `class ${name}`;
  if (kind === 'output') return `number ${name}`;
  if (kind !== 'similar') return 'the whole output';
  const clip = name.split(/[/\\]/).at(-1)!;
  const [file, span] = clip.split(/@(?=[\d.]+-[\d.]+$)/);
  return `similarity to ${file}${span === undefined ? '' : ` ${span.replace('-', '–')} s`}`;
}

/** Where in the network the filters act. */
export function layerName(model: DocumentModel): string {
  return model.kind === 'imported' ? `${model.id} at ${model.layer}` : `${model.trunk} after ${model.stage}`;
}

/** Which frames share a map, where the layer has fewer slices of time than the network frames; else nothing. */
export function sharingNote({ frames }: Pick<Analysis, 'frames'>): string | undefined {
  const slices = new Set(frames.map(({ slice }) => slice));
  if (slices.has(undefined) || slices.size === frames.length) return undefined;
  return slices.size === 1 ? 'one map for all frames' : `a map for every ${frames.length / slices.size} frames`;
}

/** {@link layerName} and the grid of its maps, and which frames share a map. */
export function gridName(analysis: Pick<Analysis, 'model' | 'frames'>): string {
  const { model, frames } = analysis;
  const note = sharingNote(analysis);
  return `${layerName(model)}, ${gridWords(model.grid, frames[0]!.filter)}${note === undefined ? '' : `, ${note}`}`;
}

/** `grid 12x7`; of finer maps, `grid 24x14, of four views of 12x7`. */
export function gridWords(own: GridShape, shown: GridShape): string {
  const name = ({ width, height }: GridShape): string => `${width}x${height}`;
  return `grid ${name(shown)}${shown.height > own.height ? `, of four views of ${name(own)}` : ''}`;
}

/** SHA-256 by which networks of one name are told apart. */
export function weightsSha256(model: DocumentModel): string {
  return model.kind === 'imported' ? model.sha256 : model.head.sha256;
}
