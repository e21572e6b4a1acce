/** `l2caf index`: makes events searchable. */
import type { EngineChoice } from '../models/choices.ts';
import { openEventSource } from '../retrieval/event-source.ts';
import { EventTable } from '../retrieval/event-table.ts';
import { indexEvents } from '../retrieval/index-events.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';
import { createTerminal } from './terminal.ts';

/** What commander hands over. */
export interface IndexFlags extends NetworkFlags {
  readonly db: string;
  readonly videos?: string;
  readonly model: string;
  readonly backend: EngineChoice;
  readonly prune?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Puts the events into the database. */
export async function index(paths: readonly string[], flags: IndexFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { prune: flags.prune, signal, onProgress: terminal.onProgress, onNote: terminal.warn };
  const table = await EventTable.openOrCreate(flags.db);
  const card = await cardOf(flags);
  const { model, videos, backend } = flags;
  const source = await openEventSource(paths, { model, card, videos, backend, signal, onNote: terminal.warn });
  const summary = await indexEvents(table, source, work).finally(() => source.close?.());
  if (flags.json) return terminal.result(JSON.stringify({ database: flags.db, model: source.model, ...summary }));
  const { added, replaced, unchanged, others, repeated, total } = summary;
  const left = repeated > 0 ? `, ${repeated} left out` : '';
  terminal.result(`${added} new, ${replaced} replaced, ${unchanged} unchanged${left}; ${total} events in ${flags.db}`);
  if (others === 0) return;
  if (flags.prune) terminal.result(`${others} removed that are not among these`);
  else
    terminal.info(`${others} of them are not among these: of other lists, or of an earlier one (--prune removes them)`);
}
