/** The document and the table that a localization study leaves behind. */
import type { StudyTarget } from './study.ts';
import type { StudySummary } from './summary.ts';
import type { TruthSurvey } from './truth.ts';

/** Version of the document's shape. */
export const REPORT_SCHEMA = 'l2caf-localization/1';

/** What `localization.json` holds. */
export interface LocalizationReport extends StudySummary {
  readonly schema: typeof REPORT_SCHEMA;
  readonly l2cafVersion: string;
  readonly model: { readonly id: string; readonly sha256: string };
  readonly options: {
    readonly events: string;
    readonly truth: string;
    readonly split: string;
    readonly target: StudyTarget;
    readonly limit?: number;
    readonly seed: number;
    readonly backend: string;
    readonly minObjectPx: number;
  };
  /** What was measured and what was not. */
  readonly used: { readonly events: number; readonly frames: number } & Omit<TruthSurvey, 'events'>;
}

/**
 * The figures as comma-separated values, one line per method and label. The label is empty for all events; what is not a
 * number (the interval of a single event) is empty too, and null in JSON.
 */
export function csvOf({ methods }: LocalizationReport): string {
  const measures = ['energyLift', 'pointing', 'pxAP'] as const;
  const heading = [
    'label',
    'method',
    'events',
    'frames',
    ...measures.flatMap((name) => [name, `${name}Low`, `${name}High`]),
    'blank',
  ];
  const rows = methods.map((row) => [
    quoted(row.label ?? ''),
    row.method,
    row.events,
    row.frames,
    ...measures.flatMap((name) => [row[name].value, row[name].low, row[name].high]).map(cell),
    row.blank,
  ]);
  return [heading, ...rows].map((row) => `${row.join(',')}\n`).join('');
}

function cell(value: number): string {
  return Number.isFinite(value) ? String(value) : '';
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
