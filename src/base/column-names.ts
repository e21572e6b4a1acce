/** Names of columns as people write them, made comparable: `Start (ms)`, `start_ms` and `startMs` say the same. */

/** `Start (ms)`, `start_ms`, `startMs` → `startms`. */
export function bareName(name: string): string {
  return wordsOfName(name).join('');
}

/** `Start (ms)` → `start`, `ms`. */
export function wordsOfName(name: string): string[] {
  return name
    .normalize('NFKC')
    .replace(/(?<=[\p{Ll}\d])(?=\p{Lu})/gu, ' ')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}
