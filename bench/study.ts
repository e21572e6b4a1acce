/** What the studies share: events opened with the packaged head, and tables of figures as tables of results. */

import { dirname } from 'node:path';
import { evenlyChosen } from '../src/base/evenly.ts';
import type { Progress } from '../src/base/types.ts';
import { CAMVID_CLASSES } from '../src/evaluation/choices.ts';
import { type FigureTable, groupsOf, textRows } from '../src/evaluation/figure-table.ts';
import type { StudyContext } from '../src/evaluation/subjects.ts';
import { surveyTruth, type Truth, TruthFolder, type VisibleEvent } from '../src/evaluation/truth.ts';
import { readEvents } from '../src/events/labelled.ts';
import { type PlannedEvent, planEvents } from '../src/features/dataset.ts';
import { useBackend } from '../src/models/backend.ts';
import type { Head } from '../src/models/head.ts';
import { loadModel } from '../src/models/model-directory.ts';
import { findModel } from '../src/models/packaged.ts';
import type { ResultTable } from './results.ts';
import { STUDIED_MODEL } from './support.ts';

/** Of everything that studies draw at random. */
const SEED = 0;

/** Test events of one list, and the truth about them. */
export interface StudyEvents {
  readonly head: Head;
  readonly planned: readonly PlannedEvent[];
  readonly truth: Truth;
  /** Those with a decisive object. */
  readonly visible: readonly VisibleEvent[];
  readonly context: StudyContext;
}

/** Which events of a list, and where their truth lies. */
export interface StudyOptions {
  /** Subfolder of the list's folder that holds the truth; absent: that folder. */
  readonly labels?: string;
  /** At most this many, evenly spread. */
  readonly limit: number;
  /** Whether no head has been trained on any of them, so that they all serve as test events. */
  readonly areUnseen?: boolean;
  /** A packaged head; default the one that the studies are of. */
  readonly model?: string;
}

/** Opens test events of lists. */
export async function openStudy(
  paths: readonly string[],
  { labels = '', limit, areUnseen = false, model = STUDIED_MODEL }: StudyOptions,
): Promise<StudyEvents[]> {
  const { head, manifest } = await loadModel(await findModel(model));
  const { name: backend } = await useBackend('auto');
  const context: StudyContext = { target: 'oblivious', seed: SEED, backend, onProgress: report() };
  const studies: StudyEvents[] = [];
  for (const path of paths) {
    const events = evenlyChosen(
      (await readEvents(path)).filter(({ split }) => areUnseen || split === 'test'),
      limit,
      'starts',
    );
    const { frames } = manifest.preprocessing;
    const planned = await planEvents([{ name: 'test', events }], { frames, views: 1, seed: SEED });
    const truth = new TruthFolder(`${dirname(path)}/${labels}`, CAMVID_CLASSES);
    const { events: visible } = await surveyTruth(planned, truth);
    studies.push({ head, planned, truth, visible, context });
  }
  return studies;
}

/** A table of figures as it is published: with `groups` a column for them, without only the rows of all events. */
export function resultTable(table: FigureTable, groups?: string): ResultTable {
  const { title, notes } = table;
  const [first] = groupsOf(table);
  const shown = groups === undefined ? [first] : groupsOf(table);
  const rows = shown.flatMap((group) =>
    textRows(table, group)
      .slice(1)
      .map((row) => (groups === undefined ? row : [group ?? 'all', ...row])),
  );
  const heading = textRows(table, first)[0]!;
  return {
    title,
    columns: groups === undefined ? heading : [groups, ...heading],
    rows,
    ...(notes && { notes: [...notes] }),
  };
}

/** Progress on stderr, a line per 30 seconds. */
export function report(): (progress: Progress) => void {
  let shownAt = 0;
  return ({ stage, done, total, unit }) => {
    if (performance.now() - shownAt < 30_000) return;
    shownAt = performance.now();
    console.error(`${stage}: ${done}/${total} ${unit}`);
  };
}
