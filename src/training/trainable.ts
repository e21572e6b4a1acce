/** Whether events can train and measure an embedding at all, which is known before any feature is computed. */
import { failIfAny, type LabelledEvent } from '../events/labelled.ts';

/**
 * Checks events.
 *
 * @param path of their list
 * @throws L2cafError `input-unreadable` with all problems: a training label with one event (it has no positive pair), only
 *   one training label (no negatives), no test events.
 */
export function checkTrainable(path: string, events: readonly LabelledEvent[]): void {
  const counts = new Map<string, number>();
  for (const { label, split } of events) if (split === 'train') counts.set(label, (counts.get(label) ?? 0) + 1);
  const problems = [...counts]
    .filter(([, count]) => count === 1)
    .map(([label]) => `the label ${label} has one training event only, so it has no positive pair`);
  if (counts.size === 0) problems.push('no event has the split train');
  if (counts.size === 1) problems.push('all training events have the same label, so there are no negatives');
  if (!events.some(({ split }) => split === 'test')) problems.push('no event has the split test: nothing to measure');
  failIfAny(path, problems, 'docs/training.md says what training needs of events');
}
