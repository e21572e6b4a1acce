/** `l2caf search`: which indexed events are like this one? */
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { checkOutputs } from '../base/output.ts';
import type { EngineChoice } from '../models/choices.ts';
import { type Embedder, openEmbedder } from '../retrieval/embedder.ts';
import type { Exclusion } from '../retrieval/evaluate.ts';
import { type EventRecord, EventTable, type Neighbour } from '../retrieval/event-table.ts';
import { explainPairs, type PairAttention } from '../retrieval/explain-pair.ts';
import { findQuery } from '../retrieval/search.ts';
import { drawSearchSheet } from '../retrieval/sheet.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';
import { createTerminal, formatTable } from './terminal.ts';

/** What commander hands over. */
export interface SearchFlags extends Omit<NetworkFlags, 'explain'> {
  readonly db: string;
  readonly start?: number;
  readonly end?: number;
  readonly neighbours: number;
  readonly where?: string;
  readonly exclude: Exclusion;
  readonly output?: string;
  readonly explain?: 'best' | 'all';
  readonly model: string;
  readonly backend: EngineChoice;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Finds the events, prints them and draws what was asked for. */
export async function search(text: string, flags: SearchFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { signal, onProgress: terminal.onProgress };
  const { output, explain, exclude, where } = flags;
  if (explain !== undefined && output === undefined) {
    throw new L2cafError('usage', '--explain draws into a picture: name it with -o FILE.png');
  }
  if (output !== undefined) {
    if (!/\.png$/i.test(output)) throw new L2cafError('usage', `-o is a picture, a .png file, not ${output}`);
    await checkOutputs([output]);
  }
  const table = await EventTable.open(flags.db);
  const frames = table.model!.frames;
  const { explain: _, ...network } = flags; // here it is no output of the network
  const card = await cardOf(network);
  let opened: Embedder | undefined;
  const openOwn = async (): Promise<Embedder> => {
    const { model, backend } = flags;
    opened ??= await openEmbedder(model, { backend, card, frames, onNote: terminal.warn, signal });
    table.expectModel(opened.model);
    return opened;
  };
  const wanted = { text, startSec: flags.start, endSec: flags.end };
  const query = await findQuery(table, wanted, { openEmbedder: openOwn, ...work });
  const neighbours = await table.nearest(query, query.embedding, { k: flags.neighbours, exclude, where });
  if (neighbours.length === 0) terminal.warn('nothing was found: no other event fulfils the conditions');
  if (output !== undefined) {
    const explained = explain === undefined ? [] : neighbours.slice(0, explain === 'best' ? 1 : undefined);
    const pairs: readonly PairAttention[] =
      explained.length === 0 ? [] : await explainPairs(await openOwn(), query, explained, work);
    const sheet = { query, neighbours, pairs, frames, exclude, where, onWarning: terminal.warn, signal };
    await writeFileAtomically(output, await drawSearchSheet(sheet));
  }
  opened?.close();
  if (flags.json) {
    const answer = { query: plain(query), exclude, where, neighbours: neighbours.map(plain), sheet: output };
    return terminal.result(JSON.stringify(answer));
  }
  terminal.result(neighboursTable(neighbours));
  if (output !== undefined) terminal.result(output);
}

/** An event as programs read it: without its embedding. */
function plain({ id, video, span, label, split, ...rest }: EventRecord & { readonly distance?: number }): object {
  const { distance } = rest;
  return { id, video, start: span.startSec, end: span.endSec, label, split, distance };
}

function neighboursTable(neighbours: readonly Neighbour[]): string {
  const rows = neighbours.map(({ distance, id, label = '-', video, span }, i) => [
    String(i + 1),
    distance.toFixed(4),
    label,
    id,
    span.startSec.toFixed(2),
    span.endSec.toFixed(2),
    video,
  ]);
  return formatTable([['', 'distance', 'label', 'id', 'start', 'end', 'video'], ...rows]);
}
