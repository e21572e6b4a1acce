/** The options that say where boxes of objects, and signals, are, and how files of boxes are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { L2cafError } from '../base/errors.ts';
import type { BesideWish } from '../batch/beside.ts';
import type { PlaceOptions } from '../objects/place.ts';
import { parseCount, parseNumber } from './options.ts';

/** What commander hands over for them. */
export interface ObjectReadingFlags {
  readonly objectsFps?: number;
  readonly objectsFirst?: number;
  readonly objectsScore?: number;
}

/** `--objects-score`. */
export function objectScoreOption(): Option {
  return new Option('--objects-score <least>', 'leave out boxes with a lower score').argParser(parseNumber(0, 1e6));
}

/** Adds the options that say how a file of objects is read. */
export function addObjectReading(command: Command): Command {
  return command
    .option(
      '--objects-fps <number>',
      'frames per second that the file counts (default: it counts those of the clip)',
      parseNumber(0.001, 1000),
    )
    .option(
      '--objects-first <number>',
      'the number of the first frame in the file (default: as such files count)',
      parseCount(0),
    )
    .addOption(objectScoreOption());
}

/**
 * How a file of objects is read.
 *
 * @throws L2cafError `usage` for options without a file
 */
export function objectReadingOf({
  objects,
  objectsFps: fps,
  objectsFirst: first,
  objectsScore: leastScore,
  showObjects,
}: ObjectReadingFlags & { readonly objects?: unknown; readonly showObjects?: boolean }): Pick<
  PlaceOptions,
  'fps' | 'first' | 'leastScore'
> {
  const given = { '--objects-fps': fps, '--objects-first': first, '--objects-score': leastScore };
  const [name] = Object.entries(given).flatMap(([own, value]) => (value === undefined ? [] : [own]));
  if (objects === undefined && showObjects) {
    throw new L2cafError('usage', '--show-objects draws the boxes of objects', { hint: 'add --objects' });
  }
  if (objects === undefined && name !== undefined) {
    throw new L2cafError('usage', `${name} says how a file of objects is read`, { hint: 'add --objects' });
  }
  return {
    ...(fps !== undefined && { fps }),
    ...(first !== undefined && { first }),
    ...(leastScore !== undefined && { leastScore }),
  };
}

/** Files beside the videos of a list: `column:NAME`, a folder or a file. */
export function parseBeside(text: string): BesideWish {
  if (!text.startsWith('column:')) return { kind: 'path', path: text };
  const name = text.slice('column:'.length);
  if (name === '') throw new InvalidArgumentError('expected a folder, a file, or column:NAME.');
  return { kind: 'column', name };
}
