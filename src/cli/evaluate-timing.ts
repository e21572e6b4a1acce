/** `l2caf evaluate timing`: how long does a map take, per network, endpoints and solver? */
import { Command, Option } from 'commander';
import { openEventNetwork, type WorkOptions } from '../analysis/pipeline.ts';
import { type StudyReport, studyReport } from '../evaluation/study-report.ts';
import { measureTimes, type TimedNetwork, timedClassifier, timedEvents } from '../evaluation/timing.ts';
import { PRESET_NAMES, type PresetName } from '../l2caf/presets.ts';
import { headSha256 } from '../models/head.ts';
import { loadModel } from '../models/model-directory.ts';
import { DEFAULT_MODEL, findModel } from '../models/packaged.ts';
import { cacheState, PRETRAINED_TRUNKS } from '../models/pretrained.ts';
import { CLASSIFIER_BACKENDS, type ClassifierBackend, openStillModel } from '../stills/analyze.ts';
import { addCommonOptions, type CommonFlags, publish } from './evaluate-study.ts';
import { examples, parseCount, parseSome } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal } from './terminal.ts';

interface TimingFlags extends CommonFlags {
  readonly model: string;
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
    .option('--model <name>', 'the model of events that is timed', DEFAULT_MODEL)
    .option('--classifier <names...>', 'classification networks (default: those whose weights are in the cache)')
    .addOption(
      new Option('--presets <names>', `settings of gradient descent: ${PRESET_NAMES.join(', ')}`)
        .argParser(parseSome(PRESET_NAMES))
        .default(['paper', 'tf1-fast'], 'paper,tf1-fast'),
    )
    .option('--repeats <count>', 'maps per row', parseCount(1), 3)
    .option('--vanilla-iterations <count>', 'iterations of the vanilla descent that are timed', parseCount(1), 5);
  return addCommonOptions(command, 'networks', CLASSIFIER_BACKENDS)
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate timing',
        'l2caf evaluate timing --classifier resnet50-imagenet squeezenet1.1/weights --backend wasm --repeats 9',
      ),
    )
    .action((flags: TimingFlags) => interruptible((signal) => evaluate(flags, signal)));
}

async function evaluate(flags: TimingFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const { manifest } = await loadModel(await findModel(flags.model));
  await publish(flags, terminal, { study: 'timing', model: manifest.id }, async () => ({
    report: await measure(flags, { signal, onProgress: terminal.onProgress }),
  }));
}

async function measure(flags: TimingFlags, work: Required<WorkOptions>): Promise<StudyReport> {
  const { model: name, seed, limit, repeats, presets, vanillaIterations } = flags;
  const names = flags.classifier ?? (await cachedClassifiers());
  const { manifest, head } = await loadModel(await findModel(name));
  const model = await openEventNetwork({ backend: flags.backend, model: name, ...work });
  const classifiers: Awaited<ReturnType<typeof openStillModel>>[] = [];
  try {
    for (const own of names) {
      classifiers.push(await openStillModel({ model: own, backend: flags.backend, ...work }));
    }
    const networks: TimedNetwork[] = [
      timedEvents(model.network, manifest.preprocessing.frames, seed),
      ...classifiers.map(({ network }) => timedClassifier(network, seed)),
    ].slice(0, limit);
    const table = await measureTimes(networks, { repeats, presets, vanillaIterations, seed, ...work });
    const { detail, name: backend } = model.backend;
    return studyReport({
      study: 'timing',
      model: { id: manifest.id, sha256: headSha256(head) },
      options: { seed, repeats, presets, vanillaIterations, backend, backendDetail: detail },
      used: { networks: networks.map((network) => network.name) },
      tables: [table],
    });
  } finally {
    model.network.dispose();
    for (const { network } of classifiers) network.dispose();
  }
}

/** The known networks that need no download. */
async function cachedClassifiers(): Promise<string[]> {
  const ready = await Promise.all(
    PRETRAINED_TRUNKS.map(async (trunk) => ((await cacheState(trunk)) === 'ready' ? [trunk.id] : [])),
  );
  return ready.flat();
}
