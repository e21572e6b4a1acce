/** What the commands share: parsers for the values of options (each returns the value or throws what commander shows). */
import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { PictureSize, TimeSpan } from '../base/types.ts';
import { secondsOf } from '../events/time.ts';
import { DEVICES } from '../models/choices.ts';
import type { CropWish } from '../video/media/crop.ts';

/** Seconds: `12.5`, `1:02.5` or `1:00:03`. */
export function parseSeconds(text: string): number {
  const value = secondsOf(text);
  if (value === undefined) throw new InvalidArgumentError('expected seconds, or [h:]m:s.');
  return value;
}

/** A whole number of at least `least`. */
export function parseCount(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number from ${least} on.`);
    }
    return value;
  };
}

/** A number from `least` to `most`. */
export function parseNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`expected a number from ${least} to ${most}.`);
    return value;
  };
}

/** Channels of two layers: `64,32`. */
export function parseChannels(text: string): [number, number] {
  const [first, second, ...rest] = text.split(',').map(parseCount(1));
  if (first === undefined || second === undefined || rest.length > 0) throw new InvalidArgumentError('expected A,B.');
  return [first, second];
}

/** `384x224`; the network checks which sizes it can take. */
export function parseSize(text: string): PictureSize {
  const match = /^(\d{1,5})x(\d{1,5})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('expected WIDTHxHEIGHT in pixels, such as 384x224.');
  return { width: Number(match[1]), height: Number(match[2]) };
}

/** Heatmap levels: `0.25,0.5,0.9`, each between 0 and 1, returned in ascending order. */
export function parseLevels(text: string): number[] {
  const levels = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!levels.every((level) => level > 0 && level < 1)) {
    throw new InvalidArgumentError('expected numbers between 0 and 1, separated by commas, such as 0.25,0.5,0.75.');
  }
  return levels.sort((a, b) => a - b);
}

/** What `--target` names, before the model and the other clip are opened. */
export type TargetFlag =
  | { readonly kind: 'oblivious' }
  | { readonly kind: 'class'; readonly label: string }
  | { readonly kind: 'output'; readonly label: string }
  | { readonly kind: 'similar'; readonly path: string; readonly span: Partial<TimeSpan> };

/** `oblivious`, `class:NAME`, `output:NAME`, `similar:CLIP` or, for a part of the other clip, `similar:CLIP@START-END`. */
export function parseTarget(text: string): TargetFlag {
  if (text === 'oblivious') return { kind: 'oblivious' };
  const [, kind, name] = /^(class|output|similar):(.+)$/s.exec(text) ?? [];
  if (name === undefined)
    throw new InvalidArgumentError('expected oblivious, class:NAME, output:NAME or similar:CLIP[@START-END].');
  if (kind === 'class' || kind === 'output') return { kind, label: name };
  const [, path, start, end] = /^(.+)@([\d:.]+)-([\d:.]+)$/s.exec(name) ?? [];
  if (path === undefined) return { kind: 'similar', path: name, span: {} };
  return { kind: 'similar', path, span: { startSec: parseSeconds(start!), endSec: parseSeconds(end!) } };
}

/** `auto`, `none` or `x,y,w,h`. */
export function parseCrop(text: string): CropWish {
  if (text === 'auto' || text === 'none') return text;
  const numbers = text.split(',').map((part) => (/^\d{1,6}$/.test(part.trim()) ? Number(part) : Number.NaN));
  const [x, y, width, height] = numbers as [number, number, number, number];
  if (numbers.length === 4 && !numbers.some(Number.isNaN)) return { x, y, width, height };
  throw new InvalidArgumentError('expected auto, none, or x,y,width,height in pixels, such as 0,44,640,272.');
}

/** `--crop`. */
export function cropOption(): Option {
  return new Option(
    '--crop <part>',
    'what the network is shown of the picture: auto (without black bars), none (all of it), or x,y,w,h in pixels',
  )
    .argParser(parseCrop)
    .default('auto', 'auto');
}

/** `one,two`: titles. */
export function parseTitles(text: string): string[] {
  return text.split(',').map((title) => title.trim());
}

/** Some of `choices`, separated by commas; returned in the order of the choices. */
export function parseSome<T extends string>(choices: readonly T[]): (text: string) => T[] {
  return (text) => {
    const names = text.split(',').map((name) => name.trim());
    const unknown = names.filter((name) => !choices.some((choice) => choice === name));
    if (unknown.length > 0) {
      throw new InvalidArgumentError(`unknown: ${unknown.join(', ')}; expected some of ${choices.join(', ')}.`);
    }
    return choices.filter((choice) => names.includes(choice));
  };
}

/** The examples that follow the options in `--help`. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

/** What a list of events may be, for the help of the commands that take one. */
export const LIST_FORMS = 'CSV, JSON, ELAN .eaf, BDD-X, a folder of clips (docs/events.md)';

/** What a file of objects may be, for the help. */
export const OBJECT_FORMS = 'CSV, JSON, COCO, MOT challenge, supervision, CVAT (docs/objects.md)';

/** Maps of one picture unless another number is asked for (`image`). */
export const USUAL_MAPS = 5;

/** What `--jobs` of `batch` and `worker` says of itself. */
export const JOBS_HELP = 'worker processes (default: the cores with wasm and onnxruntime, one otherwise)';

/** The option that says where the videos of a list lie. */
export function videosOption(): Option {
  return new Option('--videos <folder>', 'where the videos of the list lie (default: beside it)');
}

/** The options that say when the pictures of a folder are shown. */
export function pictureOptions(): [fps: Option, times: Option] {
  return [
    new Option('--fps <number>', 'of a folder of pictures: how many are shown per second').argParser(
      parseNumber(0.001, 1000),
    ),
    new Option('--times <CSV>', 'of a folder of pictures: when each is shown, in the columns file and time (seconds)')
      .argParser((path) => resolve(path))
      .conflicts('fps'),
  ];
}

/** An option that takes one of a few words. */
export function choiceOption(flags: string, description: string, choices: readonly string[], fallback: string): Option {
  return new Option(flags, description).choices(choices).default(fallback);
}

/** The option that says what onnxruntime computes on. */
export function deviceOption(): Option {
  return new Option('--device <name>', 'what onnxruntime computes on, where its build can (default: cpu)').choices(
    DEVICES,
  );
}

/** What `--fine` is, but for when it is so unasked. */
export const FINE =
  "maps of twice the rows and columns: four more views are seen, each moved by a quarter of the network's cells, which takes up to five times as long";
