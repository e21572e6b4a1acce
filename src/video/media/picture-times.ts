/** When the pictures of a folder are to be shown: by their numbers, by a table, or by what the records of a tub state. */
import { readCsvFile } from '../../base/csv.ts';
import { L2cafError } from '../../base/errors.ts';
import type { Rational } from '../../base/types.ts';
import { unreadable } from './metadata.ts';
import { numberedFrames } from './numbering.ts';
import { roundToMicroseconds } from './packets.ts';
import { counted, isOrAre, type Tub } from './tub.ts';

/** Frames of a drive of seven hours, at twenty per second. */
export const MAX_PICTURES = 500_000;

/** Endings of files that are taken for pictures where nothing names them. */
const PICTURE_NAME = /\.(jpe?g|png|webp|bmp|gif|avif)$/i;

/** A picture that is named, and when it is to be shown. */
export interface StatedPicture {
  readonly name: string;
  readonly timeSec: number;
  readonly numbers?: ReadonlyMap<string, number>;
}

/** What a folder states of its pictures. */
export interface Stated {
  /** By increasing time; the first at 0. */
  readonly pictures: readonly StatedPicture[];
  readonly notes: readonly string[];
}

/**
 * Pictures with numbers in their names, `fps` of them per second.
 *
 * @throws L2cafError `input-unreadable` for names without numbers, or with one twice; `usage` without `fps`
 */
export function statedByNumbers(path: string, files: readonly string[], fps: number | undefined): Stated {
  const pictures = files.filter((name) => PICTURE_NAME.test(name));
  const { names, places, missing, others, twice } = numberedFrames(pictures);
  if (names.length === 0) {
    throw unreadable(
      path,
      'it is a folder, and holds no numbered pictures',
      'name a video file inside it, or give a folder of numbered pictures or a Donkey tub; l2caf batch takes a folder of videos',
    );
  }
  if (twice) throw unreadable(path, `${twice.map(quoted).join(' and ')} have the same number`, 'remove one of them');
  if (fps === undefined) {
    throw new L2cafError('usage', `${path} is a folder of pictures, and nothing says when each is shown`, {
      hint: 'add --fps 20 (pictures per second), or times.csv in the folder, with the columns file and time (seconds)',
    });
  }
  const notes = [
    ...(missing > 0
      ? [
          `the numbers of the pictures have gaps, ${missing} ${isOrAre(missing)} missing: the one before stays on screen`,
        ]
      : []),
    ...(others.length > 0
      ? [`${counted(others.length, 'picture')} of other names ${isOrAre(others.length)} left out: ${someOf(others)}`]
      : []),
  ];
  const { numerator, denominator } = rationalOf(fps);
  const timeAt = (place: number): number => roundToMicroseconds((place * denominator) / numerator);
  return { pictures: names.map((name, i) => ({ name, timeSec: timeAt(places[i]!) })), notes };
}

/**
 * A table with the columns file and time, in any order.
 *
 * @throws L2cafError `input-unreadable` for a table without them, or with other values
 */
export async function statedByTable(table: string): Promise<Stated> {
  const [heading, ...rows] = await readCsvFile(table);
  const columnOf = (names: RegExp): number => heading?.fields.findIndex((name) => names.test(name)) ?? -1;
  const file = columnOf(/^(file|filename|name|image|picture|frame)$/i);
  const time = columnOf(/^(time|times|seconds|sec|timestamp|time_s|timesec)$/i);
  if (file < 0 || time < 0) {
    throw unreadable(
      table,
      'it has no columns file and time',
      'begin it with a line "file,time"; times are in seconds',
    );
  }
  if (rows.length > MAX_PICTURES) throw tooMany(table);
  const pictures = rows.map(({ line, fields }): StatedPicture => {
    const text = fields[time] ?? '';
    const timeSec = Number(text);
    if (text !== '' && Number.isFinite(timeSec) && fields[file]) return { name: fields[file], timeSec };
    throw unreadable(table, `line ${line} does not name a file and a time in seconds`);
  });
  pictures.sort((a, b) => a.timeSec - b.timeSec);
  const startSec = pictures[0]?.timeSec ?? 0;
  const notes = startSec === 0 ? [] : [`its times begin at ${startSec} s: here, they count from the first picture on`];
  return { pictures: pictures.map((own) => ({ ...own, timeSec: roundToMicroseconds(own.timeSec - startSec) })), notes };
}

/** Pictures of a tub per second, where it does not say. */
const TUB_FPS = 20;
/** A tub is not recorded while nobody drives: what is longer, seconds, is no part of the drive. */
const PAUSE_SEC = 2;
/** Shorter ones nobody sees (`SAME_TIME_SEC`). */
export const SHORTEST_SEC = 0.00095;

/** The car's clock may be set while it drives, and stands for what was driven only where it goes on. */
export function statedByTub({ records, notes }: Tub, fps: number | undefined): Stated {
  const gaps = records
    .slice(1)
    .map(({ stampSec }, i) => (stampSec ?? Number.NaN) - (records[i]!.stampSec ?? Number.NaN));
  const isDriven = (gap: number): boolean => gap >= SHORTEST_SEC && gap <= PAUSE_SEC;
  const known = fps === undefined ? gaps : [];
  const usualSec = fps === undefined ? (median(gaps.filter(isDriven)) ?? 1 / TUB_FPS) : 1 / fps;
  let timeSec = 0;
  const pictures = records.map(({ picture, numbers }, i) => {
    const gap = known[i - 1] ?? Number.NaN;
    if (i > 0) timeSec += isDriven(gap) ? gap : usualSec;
    return { name: picture, timeSec: roundToMicroseconds(timeSec), numbers };
  });
  const pauses = known.filter((gap) => gap > PAUSE_SEC);
  const pausedSec = pauses.reduce((sum, gap) => sum + gap, 0);
  const isUntimed = fps === undefined && records.every(({ stampSec }) => stampSec === undefined);
  return {
    pictures,
    notes: [
      ...notes,
      ...(pauses.length > 0
        ? [
            `the recording pauses ${pauses.length === 1 ? 'once' : `${pauses.length} times`}, ${pausedSec.toFixed(1)} s in all: pauses are left out`,
          ]
        : []),
      ...(isUntimed ? [`the records of the tub state no times: ${TUB_FPS} pictures per second are taken`] : []),
    ],
  };
}

/** What is said of a folder, or a table, of more than {@link MAX_PICTURES}. */
export function tooMany(folder: string): L2cafError {
  const most = MAX_PICTURES.toLocaleString('en');
  return unreadable(
    folder,
    `it holds too many files: at most ${most} pictures are taken`,
    'split it into several folders',
  );
}

/** 20 → 20/1, 29.97 → 2997/100. */
export function rationalOf(perSecond: number): Rational {
  if (Number.isInteger(perSecond)) return { numerator: perSecond, denominator: 1 };
  return { numerator: Math.round(perSecond * 1e6), denominator: 1_000_000 };
}

/** The middle one; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** A few names; whoever wrote them may have put anything into them. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map(quoted).join(', ');
  return names.length > NAMES_SHOWN ? `${shown}, …` : shown;
}

const NAMES_SHOWN = 3;

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
