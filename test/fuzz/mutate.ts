/** Mutations: of bytes anywhere, of JSON and of lists where they mean something. All from a random stream. */
import type { Random } from '../../src/base/random.ts';

/** A whole number in [0, count). */
export function pick(random: Random, count: number): number {
  return Math.floor(random.uniform() * count);
}

/** One of several. */
export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[pick(random, values.length)]!;
}

/** Flips, zeroes, repeats, removes, inserts or cuts off. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const from = pick(random, bytes.length + 1);
  const length = 1 + pick(random, Math.min(64, Math.max(1, bytes.length - from)));
  const [before, part, after] = [
    bytes.subarray(0, from),
    bytes.subarray(from, from + length),
    bytes.subarray(from + length),
  ];
  switch (pick(random, 6)) {
    case 0:
      return Buffer.concat([before, part.map((byte) => byte ^ (1 << pick(random, 8))), after]);
    case 1:
      return Buffer.concat([before, Buffer.alloc(part.length), after]);
    case 2:
      return Buffer.concat([before, part, part, after]);
    case 3:
      return Buffer.concat([before, after]);
    case 4:
      return Buffer.concat([before, Buffer.from(Array.from({ length }, () => pick(random, 256))), part, after]);
    default:
      return Buffer.from(before); // not a view of what other cases start from
  }
}

const HOSTILE: readonly unknown[] = [
  ...[null, true, '', 'nan', ' ', -1, 0, 0.5, 1e308, -1e-320, 2 ** 31, 2 ** 53, 1e9],
  ...['__proto__', 'constructor', '../../x', 'a/b', 'CON', '\u0000', '\ud800', 'x'.repeat(300), '–', '日本'.repeat(90)],
  ...[[], {}, [[]], [null], { toString: 1 }, [1, 'a', {}], Array(2000).fill(0)],
];

/** Replaces, removes, repeats or renames something anywhere in a JSON value; returns JSON text. */
export function mutateJson(value: unknown, random: Random): string {
  const copy = structuredClone(value);
  for (let times = 1 + pick(random, 3); times > 0; times--) mutateNode(copy, random);
  const text = JSON.stringify(copy);
  return random.uniform() < 0.1 ? mutateBytes(Buffer.from(text), random).toString('utf8') : text;
}

function mutateNode(root: unknown, random: Random): void {
  let node = root as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(node);
    if (keys.length === 0) return;
    const key = oneOf(random, keys);
    const child = node[key];
    if (typeof child === 'object' && child !== null && random.uniform() < 0.8) {
      node = child as Record<string, unknown>;
      continue;
    }
    switch (pick(random, 4)) {
      case 0:
        if (Array.isArray(node)) node.splice(Number(key), 1);
        else delete node[key];
        return;
      case 1:
        if (Array.isArray(node)) node.push(child);
        else
          Object.defineProperty(node, oneOf(random, ['__proto__', 'toString', 'x']), {
            value: child,
            enumerable: true,
            configurable: true,
            writable: true,
          });
        return;
      case 2:
        node[key] =
          typeof child === 'number'
            ? child * oneOf(random, [-1, 1e3, 1e-9, 1e300])
            : structuredClone(oneOf(random, HOSTILE));
        return;
      default:
        node[key] = structuredClone(oneOf(random, HOSTILE));
        return;
    }
  }
}

/** Values that lists are tried with. */
const CELLS = [
  '',
  '"',
  '""',
  '-1',
  '1e99',
  '∞',
  'NaN',
  '00:00:61',
  '1:2:3:4',
  '__proto__',
  'constructor',
  '../x.mp4',
  '\t',
  '﻿',
  '\r',
];

/** Replaces, moves, repeats or breaks the cells and lines of a list. */
export function mutateLines(text: string, random: Random): string {
  const lines = text.split('\n');
  for (let times = 1 + pick(random, 4); times > 0; times--) {
    if (lines.length === 0) lines.push('');
    const at = pick(random, lines.length);
    const cells = lines[at]!.split(/([,;\t<>"=])/);
    switch (pick(random, 5)) {
      case 0:
        cells[pick(random, cells.length)] = oneOf(random, CELLS);
        lines[at] = cells.join('');
        break;
      case 1:
        lines.splice(at, 1);
        break;
      case 2:
        lines.splice(pick(random, lines.length), 0, lines[at]!);
        break;
      case 3:
        lines[at] = `${cells.slice(pick(random, cells.length)).join('')}`;
        break;
      default:
        lines[at] = mutateBytes(Buffer.from(lines[at]!), random).toString(oneOf(random, ['utf8', 'latin1']));
    }
  }
  return lines.join(oneOf(random, ['\n', '\r\n', '\n\n']));
}
