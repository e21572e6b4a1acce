/**
 * ELAN annotation files (.eaf), in which the Honda driving dataset comes: tiers of annotations whose ends are named time
 * slots. Each annotation becomes an event; its value is the label, its tier an extra column.
 * Format: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf
 */
import { XMLParser } from 'fast-xml-parser';
import * as z from '#zod';
import { L2cafError, messageOf } from '../base/errors.ts';
import { LINE_END, LOST, type SourceText, whyLost } from '../base/text.ts';
import { slotTimes } from './elan-slots.ts';
import { type EventRow, type EventRows, plainRecord, RowReader, type VideoName } from './row.ts';
import { baseOf, pathsOfUrl } from './video-files.ts';

const ALWAYS_LISTS = new Set(['MEDIA_DESCRIPTOR', 'TIME_SLOT', 'TIER', 'ANNOTATION']);
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  trimValues: false, // between a text and a CDATA section, white space counts
  htmlEntities: true, // numeric ones among them
  isArray: (name) => ALWAYS_LISTS.has(name),
});

const text = z.union([
  z.string(),
  z.object({ '#text': z.string().optional() }).transform((node) => node['#text'] ?? ''),
]);
/** An element that is empty is read as a text. */
const orEmpty = <T extends z.ZodType>(shape: T) =>
  z
    .union([
      shape,
      z
        .string()
        .regex(/^\s*$/)
        .transform(() => undefined),
    ])
    .optional();
const attribute = z.string().optional();
const annotation = z.looseObject({
  '@ANNOTATION_ID': attribute,
  '@TIME_SLOT_REF1': attribute,
  '@TIME_SLOT_REF2': attribute,
  '@ANNOTATION_REF': attribute,
  ANNOTATION_VALUE: text.optional(),
});
const tier = z.looseObject({
  '@TIER_ID': z.string().default(''),
  '@PARENT_REF': attribute,
  ANNOTATION: z
    .array(orEmpty(z.object({ ALIGNABLE_ANNOTATION: orEmpty(annotation), REF_ANNOTATION: orEmpty(annotation) })))
    .optional(),
});
const media = z.looseObject({
  '@MEDIA_URL': attribute,
  '@RELATIVE_MEDIA_URL': attribute,
  '@MIME_TYPE': attribute,
  '@TIME_ORIGIN': attribute,
});
const documentSchema = z.object({
  ANNOTATION_DOCUMENT: z.object({
    HEADER: orEmpty(
      z.object({
        '@TIME_UNITS': attribute,
        '@MEDIA_FILE': attribute,
        MEDIA_DESCRIPTOR: z.array(orEmpty(media)).optional(),
      }),
    ),
    TIME_ORDER: orEmpty(
      z.object({
        TIME_SLOT: z.array(orEmpty(z.object({ '@TIME_SLOT_ID': attribute, '@TIME_VALUE': attribute }))).optional(),
      }),
    ),
    TIER: z.array(orEmpty(tier)).optional(),
  }),
});
type ElanDocument = z.infer<typeof documentSchema>['ANNOTATION_DOCUMENT'];

/** An annotation, of either kind. */
interface Entry {
  readonly id: string;
  readonly tier: string;
  readonly label: string;
  readonly slots?: readonly [string | undefined, string | undefined];
  /** The annotation whose times it has. */
  readonly parent?: string;
}

/** Seconds of a time unit; formats before 2.0 counted frames. */
const UNIT_SEC: ReadonlyMap<string, number> = new Map([
  ['milliseconds', 1 / 1000],
  ['PAL-frames', 1 / 25],
  ['NTSC-frames', 1001 / 30000],
]);

/**
 * The events of an annotation file. Annotations that refer to others (of a parent tier) have the times of those.
 *
 * @param stem begins the ids of the events
 * @throws L2cafError `input-unreadable` for a file that is not ELAN's, or names no video
 */
export function elanRows(source: SourceText, path: string, stem: string): EventRows {
  const document = parse(source.text, path);
  const { HEADER: header, TIME_ORDER: order, TIER: tiers = [] } = document;
  const unit = header?.['@TIME_UNITS'] || 'milliseconds';
  const unitSec = UNIT_SEC.get(unit);
  if (unitSec === undefined) throw unreadable(path, `its time unit is ${unit}, not ${[...UNIT_SEC.keys()].join(', ')}`);
  const videos = videosOf(header);
  if (videos.length === 0) throw unreadable(path, 'it names no video (MEDIA_DESCRIPTOR)');
  const entries = tiers.flatMap((found) => (found ? entriesOf(found) : []));
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const times = slotTimes(
    (order?.TIME_SLOT ?? []).map((slot) => ({ id: slot?.['@TIME_SLOT_ID'] ?? '', value: slot?.['@TIME_VALUE'] })),
    tiers
      .flatMap((found) => found ?? [])
      .map((found) => {
        return {
          id: found['@TIER_ID'],
          parent: found['@PARENT_REF'],
          spans: entriesOf(found).flatMap(({ slots }) =>
            slots?.[0] && slots[1] ? [[slots[0], slots[1]] as const] : [],
          ),
        };
      }),
  );
  const lineOf = lineFinder(source.text);
  const reader = new RowReader(source);
  const rows = entries.flatMap((entry): EventRow[] => {
    const { id, label } = entry;
    const at = { line: lineOf(id) };
    let timed: Entry | undefined = entry;
    for (let depth = 0; timed && !timed.slots && depth < entries.length; depth++) timed = byId.get(timed.parent ?? '');
    const [start, end] = [0, 1].map((side) => times.get(timed?.slots?.[side] ?? ''));
    if (start === undefined || end === undefined) {
      reader.reject(at, `the annotation ${id} has no ${start === undefined ? 'start' : 'end'} time`);
      return [];
    }
    if (`${label}${entry.tier}`.includes(LOST)) {
      reader.reject(at, `the value "${label}" ${whyLost(source, at.line)}`);
      return [];
    }
    const span = { startSec: secondsIn(start, unitSec), endSec: secondsIn(end, unitSec) };
    const place = `line ${at.line}`;
    return [
      { place, id: `${stem}-${id}`, videos, ...span, label, split: '', extra: plainRecord([['tier', entry.tier]]) },
    ];
  });
  return { rows, problems: reader.problems, notes: [] };
}

/** Rounded to microseconds, so that 1400 · 0.001 is 1.4. */
function secondsIn(value: number, unitSec: number): number {
  return Math.round(value * unitSec * 1e6) / 1e6;
}

function entriesOf({ '@TIER_ID': name, ANNOTATION: annotations = [] }: z.infer<typeof tier>): Entry[] {
  return annotations.flatMap((entry): Entry[] => {
    const { ALIGNABLE_ANNOTATION: aligned, REF_ANNOTATION: referring } = entry ?? {};
    const found = aligned ?? referring;
    if (!found) return [];
    const own = { id: found['@ANNOTATION_ID'] ?? '', tier: name, label: (found.ANNOTATION_VALUE ?? '').trim() };
    return aligned
      ? [{ ...own, slots: [aligned['@TIME_SLOT_REF1'], aligned['@TIME_SLOT_REF2']] as const }]
      : [{ ...own, ...(found['@ANNOTATION_REF'] !== undefined && { parent: found['@ANNOTATION_REF'] }) }];
  });
}

/**
 * Where the videos may be, in the order in which the file names them: by the relative address, by the absolute one, and
 * beside the file, as ELAN looks for them itself.
 */
function videosOf(header: ElanDocument['HEADER']): VideoName[] {
  const described = (header?.MEDIA_DESCRIPTOR ?? []).flatMap((entry) => {
    return entry && !/^(audio|image|text)\//.test(entry['@MIME_TYPE'] ?? '') ? [entry] : [];
  });
  const perVideo = described.map((entry) => {
    const offsetSec = Number(entry['@TIME_ORIGIN'] ?? 0) / 1000;
    const [relative, absolute] = [entry['@RELATIVE_MEDIA_URL'], entry['@MEDIA_URL']].map((url) =>
      pathsOfUrl(url ?? ''),
    );
    const named = (names: readonly string[]): VideoName[] =>
      [...new Set(names.filter((name) => name !== ''))].map((name) => {
        return { name, ...(offsetSec !== 0 && Number.isFinite(offsetSec) && { offsetSec }) };
      });
    return {
      stated: named([...relative!, ...absolute!, ...relative!.map(baseOf)]),
      last: named(absolute!.map(baseOf)),
    };
  });
  const videos = [...perVideo.flatMap(({ stated }) => stated), ...perVideo.flatMap(({ last }) => last)];
  const old = header?.['@MEDIA_FILE']; // of formats before 2.0
  return videos.length > 0 || !old ? videos : pathsOfUrl(old).map((name) => ({ name }));
}

function parse(xml: string, path: string): ElanDocument {
  let document: unknown;
  try {
    document = parser.parse(xml, true);
  } catch (cause) {
    throw unreadable(path, `it is not XML: ${messageOf(cause)}`, cause);
  }
  const result = documentSchema.safeParse(document);
  if (result.success) return result.data.ANNOTATION_DOCUMENT;
  const { path: field, message } = result.error.issues[0]!;
  throw unreadable(path, `it is not an ELAN file: ${field.join('.') || 'document'}: ${message}`);
}

/** Finds the line on which an annotation begins. */
function lineFinder(xml: string): (id: string) => number {
  const lines = new Map<string, number>();
  for (const [i, line] of xml.split(LINE_END).entries()) {
    for (const [, , id] of line.matchAll(/ANNOTATION_ID\s*=\s*(["'])(.*?)\1/g)) lines.set(id!, i + 1);
  }
  return (id) => lines.get(id) ?? 1;
}

function unreadable(path: string, why: string, cause?: unknown): L2cafError {
  return new L2cafError('input-unreadable', `${path} cannot be used: ${why}`, { cause });
}
