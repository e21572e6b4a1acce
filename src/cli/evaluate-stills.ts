/** `l2caf evaluate stills`: do the maps of a network of still pictures lie on the objects that it tells apart? */
import { evenlyChosen } from '../base/evenly.ts';
import type { PictureSize } from '../base/types.ts';
import type { StillFormat } from '../evaluation/choices.ts';
import { readStills } from '../evaluation/still-datasets.ts';
import type { StillSplit } from '../evaluation/still-truth.ts';
import { studyStills } from '../evaluation/stills-study.ts';
import { studyReport } from '../evaluation/study-report.ts';
import type { ClassifierBackend } from '../models/choices.ts';
import { isImported } from '../models/imported.ts';
import { stillNetwork } from '../stills/still-network.ts';
import type { CommonFlags } from './evaluate-options.ts';
import { publish } from './evaluate-study.ts';
import type { NetworkFlags } from './network-options.ts';
import { openStill } from './open-still.ts';
import { createTerminal } from './terminal.ts';

/** What commander hands over. */
export interface StillsFlags extends CommonFlags, NetworkFlags {
  readonly model: string;
  readonly backend: ClassifierBackend;
  readonly size?: PictureSize;
  readonly embedding?: boolean;
  readonly format: StillFormat;
  readonly split: StillSplit;
  readonly methods?: readonly string[];
  readonly level: number;
}

/** Runs the study on the pictures. */
export async function evaluateStills(data: string, flags: StillsFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const { format, split, methods, level, layer, size, embedding, seed, limit } = flags;
  const stills = evenlyChosen(await readStills(data, format, split), limit, 'starts');
  const subject = { study: 'stills', data };
  await publish(flags, terminal, subject, async () => {
    const work = { signal, onProgress: terminal.onProgress };
    const model = await openStill(flags, work);
    try {
      if ('warnings' in model) for (const warning of model.warnings) terminal.warn(warning);
      const own = (await isImported(flags.model)) ? {} : { layer, size };
      const network = stillNetwork(model, { ...own, asEmbedding: embedding });
      const { table, answers } = await studyStills(network, stills, { methods, level, seed, ...work });
      const { id, weightsSha256: sha256, layer: filtered } = network.description;
      return {
        report: studyReport({
          study: 'stills',
          model: { id, sha256 },
          options: {
            ...{ data, format, split, methods: table.rows.map(({ name }) => name), level, seed },
            ...{ backend: network.backend, layer: filtered, output: network.output.kind },
            ...(limit !== undefined && { limit }),
          },
          used: { pictures: stills.length },
          tables: [table],
          details: { ...answers },
        }),
      };
    } finally {
      model.network.dispose();
    }
  });
}
