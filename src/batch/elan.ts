/**
 * ELAN annotation files (.eaf), in which the Honda driving dataset comes: tiers of annotations whose ends are named time
 * slots. Each annotation becomes an event; its value is the label, its tier an extra column.
 * Format: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf
 */
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { L2cafError, messageOf } from '../errors.ts';
import type { EventRow, EventRows } from './rows.ts';

const ALWAYS_LISTS = new Set(['MEDIA_DESCRIPTOR', 'TIME_SLOT', 'TIER', 'ANNOTATION']);
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  isArray: (name) => ALWAYS_LISTS.has(name),
});

const text = z.union([
  z.string(),
  z.object({ '#text': z.string().optional() }).transform((node) => node['#text'] ?? ''),
]);
const annotation = z.looseObject({ '@ANNOTATION_ID': z.string(), ANNOTATION_VALUE: text.optional() });
/** A list; an element that is empty is read as a text. */
const listOf = <T extends z.ZodType>(item: T) => z.array(item).optional();

const documentSchema = z.object({
  ANNOTATION_DOCUMENT: z.object({
    HEADER: z
      .object({
        '@TIME_UNITS': z.string().optional(),
        MEDIA_DESCRIPTOR: listOf(
          z.object({
            '@MEDIA_URL': z.string().optional(),
            '@RELATIVE_MEDIA_URL': z.string().optional(),
            '@MIME_TYPE': z.string().optional(),
            '@TIME_ORIGIN': z.coerce.number().optional(),
          }),
        ),
      })
      .or(
        z.literal('').transform(() => ({}) as { readonly '@TIME_UNITS'?: string; readonly MEDIA_DESCRIPTOR?: never }),
      ),
    TIME_ORDER: z
      .object({
        TIME_SLOT: listOf(z.object({ '@TIME_SLOT_ID': z.string(), '@TIME_VALUE': z.coerce.number().optional() })),
      })
      .or(z.literal('').transform(() => ({ TIME_SLOT: [] }))),
    TIER: listOf(
      z.object({
        '@TIER_ID': z.string(),
        ANNOTATION: listOf(
          z.object({
            ALIGNABLE_ANNOTATION: annotation
              .extend({ '@TIME_SLOT_REF1': z.string(), '@TIME_SLOT_REF2': z.string() })
              .optional(),
            REF_ANNOTATION: annotation.extend({ '@ANNOTATION_REF': z.string() }).optional(),
          }),
        ),
      }),
    ),
  }),
});

/**
 * The events of an annotation file. Annotations that refer to others (of a parent tier) have the times of those.
 *
 * @throws L2cafError `input-unreadable` for a file that is not ELAN's, or names no video
 */
export function elanRows(xml: string, path: string): EventRows {
  const { HEADER: header, TIME_ORDER: order, TIER: tiers = [] } = parse(xml, path);
  const unitSec = header['@TIME_UNITS'] === undefined || header['@TIME_UNITS'] === 'milliseconds' ? 1e-3 : undefined;
  if (unitSec === undefined) throw unreadable(path, `its time unit is ${header['@TIME_UNITS']}, not milliseconds`);
  const media = header.MEDIA_DESCRIPTOR?.find((entry) => /^video|^$/.test(entry['@MIME_TYPE'] ?? ''));
  if (!media) throw unreadable(path, 'it names no video (MEDIA_DESCRIPTOR)');
  const videos = [media['@RELATIVE_MEDIA_URL'], media['@MEDIA_URL']].flatMap((url) => (url ? [pathOf(url)] : []));
  const originSec = (media['@TIME_ORIGIN'] ?? 0) * unitSec;
  const slots = new Map(order.TIME_SLOT?.map((slot) => [slot['@TIME_SLOT_ID'], slot['@TIME_VALUE']]));
  const entries = tiers.flatMap((tier) =>
    (tier.ANNOTATION ?? []).flatMap(({ ALIGNABLE_ANNOTATION: aligned, REF_ANNOTATION: referring }) => {
      const found = aligned ?? referring;
      if (!found) return [];
      return [
        {
          tier: tier['@TIER_ID'],
          id: found['@ANNOTATION_ID'],
          label: found.ANNOTATION_VALUE ?? '',
          aligned,
          referring,
        },
      ];
    }),
  );
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const stem = basename(path, extname(path));
  const lineOf = lineFinder(xml);
  const problems: string[] = [];
  const rows = entries.flatMap((entry): EventRow[] => {
    const { tier, id, label } = entry;
    const place = `line ${lineOf(id)}`;
    let timed: typeof entry | undefined = entry;
    for (let depth = 0; timed && !timed.aligned && depth < entries.length; depth++) {
      timed = byId.get(timed.referring!['@ANNOTATION_REF']);
    }
    const times = [timed?.aligned?.['@TIME_SLOT_REF1'], timed?.aligned?.['@TIME_SLOT_REF2']].map((slot) =>
      slot === undefined ? undefined : slots.get(slot),
    );
    const [start, end] = times;
    if (start === undefined || end === undefined) {
      problems.push(`${place}: the annotation ${id} has no ${start === undefined ? 'start' : 'end'} time`);
      return [];
    }
    const span = { startSec: originSec + start * unitSec, endSec: originSec + end * unitSec };
    return [{ place, id: `${stem}-${id}`, videos, ...span, label: label.trim(), split: '', extra: { tier } }];
  });
  return { rows, problems };
}

function parse(xml: string, path: string): z.infer<typeof documentSchema>['ANNOTATION_DOCUMENT'] {
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

/** A media address → a path: `file:` addresses are absolute, others relative to the annotation file. */
function pathOf(url: string): string {
  try {
    return url.startsWith('file:///') ? fileURLToPath(url) : url.replace(/^file:/, '');
  } catch {
    return url; // an address of another system's making
  }
}

/** Finds the line on which an annotation begins. */
function lineFinder(xml: string): (id: string) => number {
  const lines = new Map<string, number>();
  for (const [i, line] of xml.split('\n').entries()) {
    for (const [, id] of line.matchAll(/ANNOTATION_ID="([^"]*)"/g)) lines.set(id!, i + 1);
  }
  return (id) => lines.get(id) ?? 1;
}

function unreadable(path: string, why: string, cause?: unknown): L2cafError {
  return new L2cafError('input-unreadable', `${path} cannot be used: ${why}`, { cause });
}
