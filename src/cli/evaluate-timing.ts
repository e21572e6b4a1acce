/** `l2caf evaluate timing`: how long does a map take, per network, endpoints and solver? */
import { Command, Option } from 'commander';
import { openEventNetwork, type WorkOptions } from '../analysis/pipeline.ts';
import type { PictureSize } from '../base/types.ts';
import { type StudyReport, studyReport } from '../evaluation/study-report.ts';
import { isNetwork } from '../evaluation/subjects.ts';
import { measureTimes, type TimedNetwork, timedClassifier, timedEvents, timedImported } from '../evaluation/timing.ts';
import { PRESET_NAMES, type PresetName } from '../l2caf/presets.ts';
import { autoBackend } from '../models/backend.ts';
import { CLASSIFIER_BACKENDS, type ClassifierBackend } from '../models/choices.ts';
import { DEFAULT_MODEL } from '../models/packaged.ts';
import { cacheState, PRETRAINED_TRUNKS } from '../models/pretrained.ts';
import type { VideoModel } from '../models/video-model.ts';
import { openStillModel } from '../stills/analyze.ts';
import { addCommonOptions, type CommonFlags, openStudied, publish, type StudiedModel } from './evaluate-study.ts';
import { addNetworkOptions, type NetworkFlags } from './network-options.ts';
import { examples, parseCount, parseSize, parseSome } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal } from './terminal.ts';

interface TimingFlags extends CommonFlags, NetworkFlags {
  readonly model: string;
  readonly size?: PictureSize;
  readonly backend: ClassifierBackend;
  readonly classifier?: readonly string[];
  readonly presets: readonly PresetName[];
  readonly repeats: number;
  readonly vanillaIterations: number;
}

/** The `timing` subcommand of `evaluate`. */
export function timingCommand(): Command {
  const command = new Command('timing')
    .description('seconds per map with vanilla and fast endpoints, per network and solver')
    .option('--model <name>', 'the model of events that is timed, or net.onnx', DEFAULT_MODEL)
    .option('--size <WxH>', 'of a network file: size at which it sees frames, where it takes any', parseSize)
    .option('--classifier <names...>', 'classification networks (default: those whose weights are in the cache)')
    .addOption(
      new Option('--presets <names>', `settings of gradient descent: ${PRESET_NAMES.join(', ')}`)
        .argParser(parseSome(PRESET_NAMES))
        .default(['paper', 'tf1-fast'], 'paper,tf1-fast'),
    )
    .option('--repeats <count>', 'maps per row', parseCount(1), 3)
    .option('--vanilla-iterations <count>', 'iterations of the vanilla descent that are timed', parseCount(1), 5);
  return addNetworkOptions(addCommonOptions(command, 'networks', CLASSIFIER_BACKENDS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate timing',
        'l2caf evaluate timing --classifier resnet50-imagenet squeezenet1.1/weights --backend wasm --repeats 9',
        'l2caf evaluate timing --model net.onnx --norm imagenet',
      ),
    )
    .action((flags: TimingFlags) => interruptible((signal) => evaluate(flags, signal)));
}

async function evaluate(flags: TimingFlags, signal: AbortSignal): Promise<void> {
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
