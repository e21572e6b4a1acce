/**
 * The times of ELAN's time slots. Slots within a subdivided annotation state none: as in ELAN, they divide the time between
 * the slots around them that have one evenly.
 */

/** A time slot as the file states it. */
export interface TimeSlot {
  readonly id: string;
  /** Absent where ELAN divides time evenly. */
  readonly value: string | undefined;
}

/** The annotations of a tier that have slots. */
export interface SlotTier {
  readonly id: string;
  readonly parent: string | undefined;
  /** The slots of each annotation. */
  readonly spans: readonly (readonly [start: string, end: string])[];
}

/** The time of every slot that has one or can be given one, in the file's unit. */
export function slotTimes(slots: readonly TimeSlot[], tiers: readonly SlotTier[]): Map<string, number> {
  const isMissing = (value: string | undefined): boolean => !value || value === '-1'; // as some programs write it
  const times = new Map(
    slots.flatMap(({ id, value }) => (value && /^\d+(\.\d+)?$/.test(value) ? [[id, Number(value)]] : [])),
  );
  const missing = new Set(slots.filter(({ value }) => isMissing(value)).map(({ id }) => id));
  for (const tier of parentsFirst(tiers)) divideChains(tier, missing, times);
  const order = slots.map(({ id }) => id);
  divideRuns(order, missing, times);
  return times;
}

/** Annotations that share slots follow each other in a chain; its inner slots divide the time between its ends. */
function divideChains({ spans }: SlotTier, missing: ReadonlySet<string>, times: Map<string, number>): void {
  const next = new Map(spans);
  for (const [first] of spans) {
    if (!times.has(first)) continue;
    const chain = [first];
    for (let slot = next.get(first); slot !== undefined && chain.length <= spans.length; slot = next.get(slot)) {
      chain.push(slot);
      if (!missing.has(slot) || times.has(slot)) break;
    }
    divide(chain, times);
  }
}

/** What no chain has reached lies between the slots before and after it that have a time, in the order of the file. */
function divideRuns(order: readonly string[], missing: ReadonlySet<string>, times: Map<string, number>): void {
  let run: string[] = [];
  for (const slot of order) {
    if (times.has(slot)) {
      divide([...run, slot], times);
      run = [slot];
    } else if (missing.has(slot)) run.push(slot);
    else run = []; // a time that cannot be read
  }
}

/** Gives the slots between the first and the last their times, if these have theirs. */
function divide(chain: readonly string[], times: Map<string, number>): void {
  const [start, end] = [times.get(chain[0]!), times.get(chain.at(-1)!)];
  if (start === undefined || end === undefined || end < start) return;
  for (const [i, slot] of chain.slice(1, -1).entries()) {
    times.set(slot, start + ((i + 1) / (chain.length - 1)) * (end - start));
  }
}

/** Tiers by their depth, so that what divides a divided annotation finds its ends. */
function parentsFirst(tiers: readonly SlotTier[]): SlotTier[] {
  const byId = new Map(tiers.map((tier) => [tier.id, tier]));
  const depthOf = (tier: SlotTier): number => {
    let depth = 0;
    for (let at = byId.get(tier.parent ?? ''); at && depth < tiers.length; at = byId.get(at.parent ?? '')) depth++;
    return depth;
  };
  return tiers
    .map((tier) => ({ tier, depth: depthOf(tier) }))
    .sort((a, b) => a.depth - b.depth)
    .map(({ tier }) => tier);
}
