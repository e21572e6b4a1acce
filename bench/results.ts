/**
 * Where measured figures live: a measuring command writes its tables to `bench/results/NAME.json`, and `npm run results`
 * puts them into docs/results.md, whose words come from `bench/results.md`. Nothing on that page is typed by hand.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../src/base/files.ts';
import { formatTable } from '../src/cli/terminal.ts';

const tableSchema = z
  .object({
    title: z.string().optional(),
    columns: z.array(z.string()).min(1),
    rows: z.array(z.array(z.string())),
    /** What was measured on, and what a reader must know to read this table: said by the command that measured it. */
    notes: z.array(z.string()).optional(),
  })
  .refine(({ columns, rows }) => rows.every((row) => row.length === columns.length), 'a row has another length');

const resultsSchema = z.object({
  /** Of the file, and of the section's place in `bench/results.md`. */
  name: z.string().regex(/^[a-z0-9-]+$/),
  /** The command that measures it again; files that are not in the project by a name in capitals, such as EVENTS.csv. */
  command: z.string(),
  tables: z.array(tableSchema).min(1),
});

/** A table of results; all cells as they are to be shown. */
export type ResultTable = z.infer<typeof tableSchema>;
/** What one command measured. */
export type Results = z.infer<typeof resultsSchema>;

const FOLDER = join(import.meta.dirname, 'results');
const TEMPLATE = join(import.meta.dirname, 'results.md');

/** Prints the tables and writes them to `bench/results/NAME.json`. */
export async function writeResults(results: Results): Promise<void> {
  for (const { title, columns, rows, notes } of results.tables) {
    console.log(['', ...(title ? [title] : []), formatTable([columns, ...rows]), ...(notes ?? [])].join('\n'));
  }
  const path = join(FOLDER, `${results.name}.json`);
  await writeFileAtomically(path, `${JSON.stringify(resultsSchema.parse(results), null, 1)}\n`);
  console.log('\nnpm run results puts this into docs/results.md');
}

/** The page: the template, with each line `{{NAME}}` replaced by the tables of that name. */
export async function resultsPage(): Promise<string> {
  const template = await readFile(TEMPLATE, 'utf8');
  const names = (await readdir(FOLDER)).map((file) => basename(file, '.json'));
  const forgotten = names.filter((name) => !template.includes(`{{${name}}}`));
  if (forgotten.length > 0) throw new Error(`bench/results.md has no {{${forgotten.join('}}, {{')}}}: add a section`);
  const sections = new Map(
    await Promise.all(names.map(async (name) => [name, section(await readResults(name))] as const)),
  );
  return template.replace(/^\{\{([a-z0-9-]+)\}\}$/gm, (_, name: string) => {
    const text = sections.get(name);
    if (text === undefined)
      throw new Error(`bench/results.md names {{${name}}}, but there is no bench/results/${name}.json`);
    return text;
  });
}

/** What a command measured before. Throws where it did not. */
export async function readResults(name: string): Promise<Results> {
  return resultsSchema.parse(JSON.parse(await readFile(join(FOLDER, `${name}.json`), 'utf8')));
}

function section({ command, tables }: Results): string {
  return [`\`${command}\``, ...tables.map(markdown)].join('\n\n');
}

function markdown({ title, columns, rows, notes = [] }: ResultTable): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const table = [columns, columns.map(() => '---'), ...rows].map(line).join('\n');
  return [...(title ? [`**${title}**`] : []), table, ...notes].join('\n\n');
}

/** `0.467`, or `0.467 ± 0.012` of several (mean ± standard deviation); empty where there is nothing. */
export function spread(values: readonly (number | undefined)[], digits = 3): string {
  const found = values.filter((value) => value !== undefined);
  if (found.length === 0) return '';
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  if (found.length === 1) return mean.toFixed(digits);
  const variance = found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (found.length - 1);
  return `${mean.toFixed(digits)} ± ${Math.sqrt(variance).toFixed(digits)}`;
}
