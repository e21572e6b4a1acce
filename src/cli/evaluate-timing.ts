/** `l2caf evaluate timing`: how long does a map take, per network, endpoints and solver? */
import { openEventNetwork, type WorkOptions } from '../analysis/pipeline.ts';
import type { PictureSize } from '../base/types.ts';
import { type StudyReport, studyReport } from '../evaluation/study-report.ts';
import { isNetwork } from '../evaluation/subjects.ts';
import { measureTimes, type TimedNetwork, timedClassifier, timedEvents, timedImported } from '../evaluation/timing.ts';
import type { PresetName } from '../l2caf/presets.ts';
import { autoBackend } from '../models/backend.ts';
import type { ClassifierBackend } from '../models/choices.ts';
import { cacheState, PRETRAINED_TRUNKS } from '../models/pretrained.ts';
import type { VideoModel } from '../models/video-model.ts';
import { openStillModel } from '../stills/analyze.ts';
import type { CommonFlags } from './evaluate-options.ts';
import { openStudied, publish, type StudiedModel } from './evaluate-study.ts';
import type { NetworkFlags } from './network-options.ts';
import { createTerminal } from './terminal.ts';

/** What commander hands over. */
export interface TimingFlags extends CommonFlags, NetworkFlags {
  readonly model: string;
  readonly size?: PictureSize;
  readonly backend: ClassifierBackend;
  readonly classifier?: readonly string[];
  readonly presets: readonly PresetName[];
  readonly repeats: number;
  readonly vanillaIterations: number;
}

/** Measures the times. */
export async function evaluateTiming(flags: TimingFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { signal, onProgress: terminal.onProgress };
  const studied = await openStudied(flags, work);
  for (const warning of studied.warnings) terminal.warn(warning);
  try {
    await publish(flags, terminal, { study: 'timing', model: studied.id }, async () => ({
      report: await measure(flags, studied, work),
    }));
  } finally {
    if (isNetwork(studied.studied)) studied.studied.dispose();
  }
}

async function measure(flags: TimingFlags, model: StudiedModel, work: Required<WorkOptions>): Promise<StudyReport> {
  const { seed, limit, repeats, presets, vanillaIterations } = flags;
  const { studied, id, sha256 } = model;
  const isOwn = isNetwork(studied);
  const names = flags.classifier ?? (isOwn ? [] : await cachedClassifiers());
  const opened: { dispose(): void }[] = [];
  try {
    // All on TensorFlow.js, which alone differentiates a trunk, as the vanilla endpoints of the paper need.
    const backend = flags.backend === 'auto' ? await autoBackend() : flags.backend;
    const own = isOwn ? undefined : await openEventNetwork({ backend, model: flags.model, ...work });
    if (own) opened.push(own.network);
    const networks: TimedNetwork[] = [
      own ? timedEvents(own.network, model.frames, seed) : timedImported(studied as VideoModel, seed),
    ];
    for (const name of names) {
      const { network } = await openStillModel({ model: name, backend, ...work });
      opened.push(network);
      networks.push(timedClassifier(network, seed));
    }
    const timed = networks.slice(0, limit);
    const table = await measureTimes(timed, { repeats, presets, vanillaIterations, seed, ...work });
    const { detail, name: engine } = own?.backend ?? model.engine!;
    return studyReport({
      study: 'timing',
      model: { id, sha256 },
      options: { seed, repeats, presets, vanillaIterations, backend: engine, backendDetail: detail },
      used: { networks: timed.map((network) => network.name) },
      tables: [table],
    });
  } finally {
    for (const network of opened) network.dispose();
  }
}

/** The known networks that need no download. */
async function cachedClassifiers(): Promise<string[]> {
  const ready = await Promise.all(
    PRETRAINED_TRUNKS.map(async (trunk) => ((await cacheState(trunk)) === 'ready' ? [trunk.id] : [])),
  );
  return ready.flat();
}
