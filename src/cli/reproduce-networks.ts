/** The networks that `l2caf reproduce` finds, and how they are opened. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError, messageOf } from '../base/errors.ts';
import type { PaperTable } from '../evaluation/reproduce/choices.ts';
import { type ClassifierBackend, DEFAULT_TRUNK } from '../models/choices.ts';
import { isImported, type OpenImported } from '../models/imported.ts';
import { isStillHead } from '../models/still-directory.ts';
import { type OpenStillHead, openStillHead } from '../models/still-head-network.ts';
import { openImportedStill, openStillModel } from '../stills/analyze.ts';
import { type OpenStill, type StillNetwork, stillNetwork } from '../stills/still-network.ts';
import type { Terminal } from './terminal.ts';

/** Files and folders of networks, in alphabetical order. Throws L2cafError `input-not-found`. */
export async function networkFiles(folder: string | undefined): Promise<string[]> {
  if (folder === undefined) return [];
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read ${folder}: ${messageOf(cause)}`, { cause });
  });
  const files: string[] = [];
  for (const name of names.sort()) {
    const isCard = name.endsWith('.json') && name !== 'model.json'; // which is a network of TensorFlow.js
    const path = join(folder, name);
    const isNetwork = !isCard && ((await isImported(path)) || (await isStillHead(path)));
    if (!name.startsWith('.') && isNetwork) files.push(path);
  }
  return files;
}

/** Opens a head that was trained, or a network file. */
export async function openFile(
  file: string,
  backend: ClassifierBackend,
  work: Required<WorkOptions>,
): Promise<OpenStillHead | OpenImported> {
  const isHead = await isStillHead(file);
  return isHead ? openStillHead(file, { backend, ...work }) : openImportedStill(file, { backend, ...work });
}

/** Opens a file, or the network that is always there. */
export async function openAny(
  file: string | undefined,
  backend: ClassifierBackend,
  work: Required<WorkOptions>,
): Promise<OpenStill> {
  return file === undefined
    ? openStillModel({ model: DEFAULT_TRUNK, backend, ...work })
    : openFile(file, backend, work);
}

/** Opens a network and closes it; one that answers with something else than the table is about is passed over, which is said. */
export async function withNetwork(
  file: string | undefined,
  { kind }: PaperTable,
  { backend }: { readonly backend: ClassifierBackend },
  { work, terminal }: { readonly work: Required<WorkOptions>; readonly terminal: Terminal },
  use: (network: StillNetwork) => Promise<void>,
): Promise<void> {
  const open = await openAny(file, backend, work);
  try {
    if ('warnings' in open) for (const warning of open.warnings) terminal.warn(warning);
    const network = stillNetwork(open, { asEmbedding: file === undefined && kind === 'embedding' });
    if (network.output.kind === kind) await use(network);
    else terminal.warn(`${network.description.id} is left out: ${otherKind(network, kind)}`);
  } finally {
    open.network.dispose();
  }
}

/** Why a network is of no use where others answer with something else. */
export function otherKind({ description }: StillNetwork, kind: PaperTable['kind']): string {
  const place = description.format === undefined ? '' : ' (output.kind in its card)'; // of a file, that may be a guess
  return `its outputs are not ${kind === 'scores' ? 'scores of classes' : 'an embedding'}${place}`;
}
