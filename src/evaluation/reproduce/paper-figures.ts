/**
 * The numbers of the paper, to stand beside the measured ones: a CSV file with the columns `network`, `method` and one for each
 * figure (`top1`, `top5`, `gtKnown`, `box`, `recallAt1`), shares of 1. They are not part of the package; whoever has the
 * paper writes them down once.
 */
import { readCsvFile } from '../../base/csv.ts';
import { L2cafError } from '../../base/errors.ts';
import type { FigureRow, FigureTable } from '../figure-table.ts';

/** Figures by network and method. */
export type PaperFigures = ReadonlyMap<string, Readonly<Record<string, number>>>;

/**
 * Reads them.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` when columns are missing or a figure is no share
 */
export async function readPaperFigures(path: string): Promise<PaperFigures> {
  const [header, ...records] = await readCsvFile(path);
  const names = header?.fields ?? [];
  const [network, method] = [names.indexOf('network'), names.indexOf('method')];
  if (network < 0 || method < 0)
    throw unreadable(path, `lacks the columns network and method: it has ${names.join(', ')}`);
  const figures = new Map<string, Record<string, number>>();
  for (const { line, fields } of records) {
    const own: Record<string, number> = {};
    for (const [i, name] of names.entries()) {
      const text = fields[i]?.trim() ?? '';
      if (i === network || i === method || text === '') continue;
      const value = Number(text);
      if (!(value >= 0 && value <= 1))
        throw unreadable(path, `line ${line}: ${name} is ${text}, not a share from 0 to 1`);
      own[name] = value;
    }
    figures.set(keyOf(fields[network] ?? '', fields[method] ?? ''), own);
  }
  return figures;
}

/** The table with a column of the paper's numbers beside each that it has. */
export function besidePaper(table: FigureTable, paper: PaperFigures): FigureTable {
  const known = new Set([...paper.values()].flatMap((figures) => Object.keys(figures)));
  const measures = table.measures.flatMap((measure) =>
    known.has(measure.key)
      ? [measure, { key: `${measure.key}Paper`, title: `${measure.title}, paper`, digits: measure.digits }]
      : [measure],
  );
  const rows = table.rows.map((row): FigureRow => {
    const figures = paper.get(keyOf(row.group ?? '', row.name)) ?? {};
    const added = [...known].map((key) => {
      return [`${key}Paper`, { value: figures[key] ?? Number.NaN, low: Number.NaN, high: Number.NaN }] as const;
    });
    return { ...row, figures: { ...row.figures, ...Object.fromEntries(added) } };
  });
  return { ...table, measures, rows };
}

function keyOf(network: string, method: string): string {
  return `${network.trim().toLowerCase()}\n${method.trim().toLowerCase()}`;
}

function unreadable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} ${why}`, {
    hint: 'it needs the columns network, method and figures such as top1, top5, gtKnown, box, recallAt1, as shares of 1',
  });
}
