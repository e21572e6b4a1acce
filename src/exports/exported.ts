/** An analysis that is to be exported, and what is known of it beside what it says itself. */
import { type Analysis, readAnalysis } from '../analysis/document.ts';

/** An analysis by its file. */
export interface ExportedEvent {
  /** No two alike. */
  readonly id: string;
  /** Its `analysis.json`. */
  readonly path: string;
  /** As the list of its batch has it. */
  readonly label?: string;
  readonly split?: string;
}

/**
 * The analyses one after another: no more than one is in memory.
 *
 * @throws L2cafError as `readAnalysis`
 */
export async function* readExported(
  events: readonly ExportedEvent[],
): AsyncGenerator<{ readonly event: ExportedEvent; readonly analysis: Analysis }> {
  for (const event of events) yield { event, analysis: await readAnalysis(event.path) };
}
