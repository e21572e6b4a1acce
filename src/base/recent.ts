/** Values that are kept while they are asked for: those that were used longest ago are forgotten first. */
export class Recent<K, V> {
  readonly #entries = new Map<K, { readonly value: V; readonly weight: number }>();
  readonly #room: number;
  #weight = 0;

  /** @param room greatest sum of the weights of what is kept */
  constructor(room: number) {
    this.#room = room;
  }

  /** The value, which counts as used now; undefined where there is none. */
  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key); // and back to the end
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Keeps a value in place of an earlier one. One that weighs more than there is room for is kept until the next comes. */
  set(key: K, value: V, weight = 1): void {
    this.delete(key);
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#room || oldest === key) return;
      this.delete(oldest);
    }
  }

  /** Forgets it. */
  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
  }
}
