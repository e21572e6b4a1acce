/** What a study leaves behind, the same for all: one JSON document, and per table a CSV file and a plot. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../base/files.ts';
import { removeSealed } from '../base/output.ts';
import { VERSION } from '../base/version.ts';
import { csvOf, type FigureTable } from './figure-table.ts';
import { drawFigures } from './plot.ts';

/** Version of the document's shape. */
export const REPORT_SCHEMA = 'l2caf-evaluation/1';

/** The document of a study. */
export interface StudyReport {
  readonly schema: typeof REPORT_SCHEMA;
  /** Name of the study, and of its files. */
  readonly study: string;
  readonly l2cafVersion: string;
  /** What was measured. */
  readonly model: { readonly id: string; readonly sha256: string };
  /** Everything that the figures depend on. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What was measured on, and what was left out. */
  readonly used: Readonly<Record<string, unknown>>;
  readonly tables: readonly FigureTable[];
  /** What does not fit into tables. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A study's own part of its report; the rest is the same for all. */
export function studyReport(own: Omit<StudyReport, 'schema' | 'l2cafVersion'>): StudyReport {
  return { schema: REPORT_SCHEMA, l2cafVersion: VERSION, ...own };
}

/** A further file of a study, such as a picture. */
export interface ReportFile {
  readonly name: string;
  readonly data: Uint8Array;
}

/**
 * Writes `STUDY.json`, and for each table `STUDY.csv` and `STUDY.png` (further tables: `STUDY-KEY.…`), and removes what an
 * earlier run wrote beyond these. Returns the paths.
 */
export async function writeStudyReport(
  folder: string,
  report: StudyReport,
  further: readonly ReportFile[] = [],
): Promise<string[]> {
  const files: [string, string | Uint8Array][] = [
    [`${report.study}.json`, `${JSON.stringify(report, null, 2)}\n`],
    ...report.tables.flatMap((table): [string, string | Uint8Array][] => {
      const name = table.key === undefined ? report.study : `${report.study}-${table.key}`;
      return [
        [`${name}.csv`, csvOf(table)],
        [`${name}.png`, drawFigures(table, captionOf(report, table))],
      ];
    }),
    ...further.map(({ name, data }): [string, Uint8Array] => [name, data]),
  ];
  for (const [name, data] of files) await writeFileAtomically(join(folder, name), data);
  const written = new Set(files.map(([name]) => name));
  const earlier = (await readdir(folder)).filter((name) => isOfStudy(name, report.study) && !written.has(name));
  await removeSealed(earlier.map((name) => join(folder, name)));
  return files.map(([name]) => join(folder, name));
}

/** The files that a study is sure to write. */
export function reportFiles(folder: string, study: string): string[] {
  return ['json', 'csv', 'png'].map((extension) => join(folder, `${study}.${extension}`));
}

function isOfStudy(name: string, study: string): boolean {
  return name.startsWith(`${study}-`) && /\.(csv|png)$/.test(name);
}

function captionOf(
  { model }: StudyReport,
  { intervals = '95 % intervals by bootstrap', measures, rows }: FigureTable,
): string {
  const hasChance = measures.some(({ chance }) => chance !== undefined);
  const hasLines = rows.some(({ figures }) => Object.values(figures).some(({ low }) => Number.isFinite(low)));
  return [model.id, ...(hasLines ? [`lines: ${intervals}`] : []), ...(hasChance ? ['dashed: chance'] : [])].join('; ');
}
