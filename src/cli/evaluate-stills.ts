/** `l2caf evaluate stills`: do the maps of a classification network lie on the object that it names? */
import { evenlyChosen } from '../base/evenly.ts';
import type { StillFormat } from '../evaluation/choices.ts';
import { readStills, type StillSplit } from '../evaluation/still-datasets.ts';
import { studyStills } from '../evaluation/stills-study.ts';
import { studyReport } from '../evaluation/study-report.ts';
import type { ClassifierBackend } from '../models/choices.ts';
import { openStillModel } from '../stills/analyze.ts';
import type { CommonFlags } from './evaluate-options.ts';
import { publish } from './evaluate-study.ts';
import { createTerminal } from './terminal.ts';

/** What commander hands over. */
export interface StillsFlags extends CommonFlags {
  readonly model: string;
  readonly backend: ClassifierBackend;
  readonly format: StillFormat;
  readonly split: StillSplit;
  readonly methods: readonly string[];
  readonly level: number;
  readonly layer?: string;
}

/** Runs the study on the pictures. */
export async function evaluateStills(data: string, flags: StillsFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const { format, split, methods, level, layer, seed, limit } = flags;
  const stills = evenlyChosen(await readStills(data, format, split), limit, 'starts');
  const subject = { study: 'stills', data };
  await publish(flags, terminal, subject, async () => {
    const work = { signal, onProgress: terminal.onProgress };
    const model = await openStillModel({ ...flags, ...work });
    try {
      const table = await studyStills(model, stills, { methods, level, seed, ...(layer && { layer }), ...work });
      const options = { data, format, split, methods, level, seed, backend: model.backend.name };
      return {
        report: studyReport({
          study: 'stills',
          model: { id: model.network.id, sha256: model.classifier.weightsSha256 },
          options: { ...options, ...(layer && { layer }), ...(limit !== undefined && { limit }) },
          used: { pictures: stills.length },
          tables: [table],
        }),
      };
    } finally {
      model.network.dispose();
    }
  });
}
