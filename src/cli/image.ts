/** `l2caf image`: what does a classification network look at in a still picture, class by class? */
import { basename, extname, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import { sha256OfFile, withFolder, writeFileAtomically } from '../base/files.ts';
import { checkOutputFolder, checkOutputs, removeSealed } from '../base/output.ts';
import type { PictureSize } from '../base/types.ts';
import {
  CONSTRAINTS,
  type Constraint,
  METHODS,
  type Method,
  SOLVER_CHOICES,
  type SolverChoice,
} from '../l2caf/choices.ts';
import { PRESET_NAMES, type PresetName } from '../l2caf/presets.ts';
import { CLASSIFIER_BACKENDS, type ClassifierBackend } from '../models/choices.ts';
import { findClass } from '../models/imagenet.ts';
import { isImported } from '../models/imported.ts';
import { RESNET50_IMAGENET } from '../models/pretrained.ts';
import { analyzePicture, openImportedStill, openStillModel, type StillOptions } from '../stills/analyze.ts';
import { type PictureAnalysis, writePictureAnalysis } from '../stills/document.ts';
import { drawConstraintsFigure, drawMapsFigure, drawSanityFigure, labelOf } from '../stills/drawing.ts';
import { checkSize, type OpenStill, stillNetwork } from '../stills/still-network.ts';
import { outputsNamed, type StillTarget, usualTarget } from '../stills/targets.ts';
import { openPicture } from '../video/media/picture.ts';
import { freeName, isAbout, isOfOther } from './default-folder.ts';
import { addNetworkOptions, cardOf, type NetworkFlags } from './network-options.ts';
import { choiceOption, examples, parseCount, parseSize, parseTarget, type TargetFlag } from './options.ts';
import { EXIT, interruptible, reportError } from './run.ts';
import { addStyleOptions, type StyleFlags, styleOf } from './style-options.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

interface ImageFlags extends StyleFlags, NetworkFlags {
  readonly model: string;
  readonly top?: number;
  readonly classes?: string;
  readonly oblivious?: boolean;
  readonly target?: TargetFlag;
  readonly method: Method;
  readonly constraint: Constraint;
  readonly compareConstraints?: boolean;
  readonly solver: SolverChoice;
  readonly preset: PresetName;
  readonly signed?: boolean;
  readonly sanity?: boolean;
  readonly size?: PictureSize;
  readonly seed: number;
  readonly backend: ClassifierBackend;
  readonly output: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Maps of one picture unless another number is asked for. */
const USUAL_MAPS = 5;
/** Maps of one picture: more take minutes to draw, and nobody to look at. */
const MAX_MAPS = 50;

function parseMapCount(text: string): number {
  const count = parseCount(1)(text);
  if (count > MAX_MAPS) throw new InvalidArgumentError(`expected at most ${MAX_MAPS}.`);
  return count;
}

/** The `image` command. */
export function imageCommand(): Command {
  const command = new Command('image')
    .description('show what a classification network looks at in still pictures')
    .argument('<file...>', 'JPEG, PNG or WebP files')
    .option(
      '--model <name>',
      'a known network, the folder of a .npy one, net.onnx, a Keras file, or the folder of an imported one',
      RESNET50_IMAGENET.id,
    )
    .option(
      '--top <count>',
      `one map for each of the most probable classes, at most ${MAX_MAPS} (default: ${USUAL_MAPS})`,
      parseMapCount,
    )
    .addOption(new Option('--classes <names>', 'maps for these classes, separated by commas').conflicts('top'))
    .addOption(new Option('--oblivious', 'one map for all outputs together').conflicts(['top', 'classes']))
    .addOption(
      new Option(
        '--target <what>',
        'one map, for oblivious, class:NAME or output:NAME (a number such as a steering angle)',
      )
        .argParser(parseTarget)
        .conflicts(['top', 'classes', 'oblivious']),
    )
    .addOption(choiceOption('--method <name>', 'how maps are found', METHODS, 'l2caf'))
    .option('--layer <name>', 'the layer whose output is filtered (default: the last feature map)')
    .addOption(choiceOption('--constraint <name>', 'what keeps a filter from growing', CONSTRAINTS, 'l2'))
    .option('--compare-constraints', 'draw the maps under every constraint side by side')
    .addOption(choiceOption('--solver <name>', 'how the filters are found', SOLVER_CHOICES, 'auto'))
    .addOption(choiceOption('--preset <name>', 'settings of gradient descent (l2caf presets)', PRESET_NAMES, 'paper'))
    .option('--signed', 'draw supporting and opposing cells in two colours')
    .option('--sanity', 're-initialise the network part by part: do the maps change?')
    .addOption(
      new Option('--size <WxH>', "size at which the network sees pictures (default: the network's)") //
        .argParser(parseSize),
    )
    .option('--seed <number>', 'seed of everything that is drawn at random', parseCount(0), 0)
    .addOption(choiceOption('--backend <name>', 'what runs the network', CLASSIFIER_BACKENDS, 'auto'))
    .option('-o, --output <folder>', 'where the results go', 'l2caf-out')
    .option('--json', 'print the analyses as one JSON array instead of tables')
    .option('-q, --quiet', 'no progress');
  addNetworkOptions(command);
  return addStyleOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf image dog.jpg',
        'l2caf image dog.jpg --classes "golden retriever,monarch" --signed',
        'l2caf image *.jpg --top 2 --compare-constraints --sanity -o figures',
        'l2caf image dog.jpg --model net.onnx --norm imagenet --labels classes.txt --target class:monarch',
        'l2caf image dog.jpg --model vit.onnx --norm imagenet --resize cover --oblivious --method rollout',
      ),
    )
    .action((files: string[], flags: ImageFlags) => interruptible((signal) => analyzeAll(files, flags, signal)));
}

/** One picture after another; a bad one is reported at its turn and fails the run at its end. */
async function analyzeAll(files: readonly string[], flags: ImageFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const own = await isImported(flags.model);
  checkFlags(files, flags, own);
  const early = own ? undefined : targetOfImageNet(flags); // before a network is fetched
  await checkOutputFolder(flags.output);
  const bases = await basesOf(files, flags.output);
  await checkOutputs(
    bases
      .map(filesOf)
      .flatMap(({ document, maps, constraints, sanity }) => [
        ...[document, maps],
        ...(flags.compareConstraints ? [constraints] : []),
        ...(flags.sanity ? [sanity] : []),
      ]),
  );
  const analyses: PictureAnalysis[] = [];
  const work = { onProgress: terminal.onProgress, signal };
  const model = await openFor(flags, own, work);
  try {
    if ('warnings' in model) for (const warning of model.warnings) terminal.warn(warning);
    const { layer, size, ...others } = flags;
    const choices = own ? {} : { ...(layer && { layer }), ...(size && { size }) };
    const target = early ?? targetFor(flags, stillNetwork(model, choices), terminal);
    const options: StillOptions = { ...others, ...choices, target, ...work };
    for (const [i, path] of files.entries()) {
      try {
        analyses.push(
          await withFolder(flags.output, () => analyzeOne(model, path, bases[i]!, flags, options, terminal)),
        );
      } catch (error) {
        if (!isAboutPicture(error)) throw error;
        process.exitCode = reportError(error);
      }
    }
  } finally {
    model.network.dispose();
  }
  if (flags.json) terminal.result(JSON.stringify(analyses));
  if (analyses.length < files.length) process.exitCode = EXIT.failed;
}

/** @throws L2cafError `usage` for what no picture could be analyzed with */
function checkFlags(files: readonly string[], flags: ImageFlags, own: boolean): void {
  const names = files.map(nameOf);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new L2cafError('usage', `two of the pictures are named ${twice}: one's results would overwrite the other's`, {
      hint: 'run l2caf image for each, with another folder in -o',
    });
  }
  if (flags.method !== 'l2caf' && (flags.constraint !== 'l2' || flags.compareConstraints)) {
    throw new L2cafError('usage', `${flags.method} has no filter, so there is nothing to constrain`, {
      hint: 'use --method l2caf with --constraint and --compare-constraints',
    });
  }
  if (flags.target?.kind === 'similar') {
    throw new L2cafError('usage', 'a picture is not compared with another', {
      hint: 'l2caf analyze compares events: --target similar:CLIP',
    });
  }
  if (flags.size !== undefined && !own) checkSize(flags.size);
}

/** Opens the network that is named: one of this project, or the user's `own`. */
async function openFor(flags: ImageFlags, own: boolean, work: WorkOptions): Promise<OpenStill> {
  const { layer, model, backend, size, ...others } = flags;
  if (own) {
    const card = await cardOf(flags);
    return openImportedStill(model, { backend, ...work, ...(card && { card }), ...(size && { size }) });
  }
  if ((await cardOf(others)) !== undefined) {
    throw new L2cafError('usage', `${model} knows itself how it wants its pictures`, {
      hint: '--norm, --labels and the like are for the files of other networks',
    });
  }
  return openStillModel({ model, backend, ...(layer && { layer }), ...work });
}

/** What is to be explained of a network that names the classes of ImageNet. */
function targetOfImageNet({ oblivious, classes, target, top = USUAL_MAPS }: ImageFlags): StillTarget {
  if (oblivious || target?.kind === 'oblivious') return { kind: 'oblivious' };
  if (target?.kind === 'output') {
    throw new L2cafError('usage', 'the outputs of this network are classes', { hint: '--target class:NAME' });
  }
  if (target?.kind === 'class') return { kind: 'classes', indices: [findClass(target.label)] };
  if (classes === undefined) return { kind: 'top', count: top };
  return { kind: 'classes', indices: classes.split(',').map(findClass) };
}

/** What is to be explained of a network of the user's. */
function targetFor(
  { oblivious, classes, target, top }: ImageFlags,
  { output }: ReturnType<typeof stillNetwork>,
  terminal: Terminal,
): StillTarget {
  if (oblivious || target?.kind === 'oblivious') return { kind: 'oblivious' };
  if (target?.kind === 'class') return outputsNamed(output, 'classes', [target.label]);
  if (target?.kind === 'output') return outputsNamed(output, 'outputs', [target.label]);
  if (classes !== undefined) return outputsNamed(output, 'classes', classes.split(','));
  if (top !== undefined) return { kind: 'top', count: top };
  if (output.kind === 'embedding') {
    terminal.warn('all outputs are explained as one embedding (--kind scores: they are classes; --labels names them)');
  }
  return usualTarget(output, USUAL_MAPS);
}

async function analyzeOne(
  model: OpenStill,
  path: string,
  base: string,
  flags: ImageFlags,
  options: StillOptions,
  terminal: Terminal,
): Promise<PictureAnalysis> {
  const analysis = await analyzePicture(model, path, options);
  const picture = await openPicture(path, analysis.source.sha256);
  const style = { overlay: styleOf(flags), signed: flags.signed ?? false };
  const { document, maps, constraints, sanity } = filesOf(base);
  const figures: [string, Uint8Array][] = [[maps, drawMapsFigure(picture, analysis, style)]];
  if (analysis.constraints) figures.push([constraints, drawConstraintsFigure(picture, analysis, style)]);
  if (analysis.sanity) figures.push([sanity, drawSanityFigure(picture, analysis, style)]);
  await removeSealed([document, maps, constraints, sanity]); // an earlier analysis, of which nothing is to stay beside the new one
  await writePictureAnalysis(document, analysis);
  for (const [file, bytes] of figures) await writeFileAtomically(file, bytes);
  if (!flags.json) report(analysis, [document, ...figures.map(([file]) => file)], terminal);
  return analysis;
}

function report({ source, maps, sanity }: PictureAnalysis, files: readonly string[], terminal: Terminal): void {
  const heading = [HEADINGS[maps[0]!.target.kind], 'loss', 'iterations', 'status', 'peak cell', 'opposing'];
  const rows = maps.map((map) => [
    labelOf(map),
    map.loss.toPrecision(4),
    String(map.iterations),
    map.status,
    `row ${map.peakCell.row + 1}, column ${map.peakCell.column + 1}`,
    `${(100 * map.opposingShare).toFixed(1)} %`,
  ]);
  terminal.result(basename(source.path));
  terminal.result(formatTable([heading, ...rows]));
  if (sanity) {
    const means = sanity.meanRankCorrelations.map((value) => value.toFixed(2)).join(', ');
    terminal.result(`sanity check ${sanity.verdict}: mean rank correlation ${means} with the trained network's maps`);
  }
  for (const file of files) terminal.result(file);
}

/** What the first column of the table holds. */
const HEADINGS = { class: 'class', output: 'number', oblivious: 'explained' } as const;

/** What the results of each picture are called: as it, unless they are those of another picture of that name. */
async function basesOf(files: readonly string[], folder: string): Promise<string[]> {
  const bases: string[] = [];
  for (const path of files) {
    const hash = await sha256OfFile(path).catch(() => ''); // its turn says what is wrong with it
    const isTaken = async (base: string): Promise<boolean> =>
      bases.includes(base) || isOfOther(filesOf(base).document, isAbout(path, hash));
    bases.push(await freeName(join(folder, nameOf(path)), isTaken));
  }
  return bases;
}

/** Everything that may be written about a picture. */
function filesOf(base: string): Record<'document' | 'maps' | 'constraints' | 'sanity', string> {
  return {
    document: `${base}.json`,
    maps: `${base}.png`,
    constraints: `${base}-constraints.png`,
    sanity: `${base}-sanity.png`,
  };
}

/** Whether other pictures may still go well. */
function isAboutPicture(error: unknown): boolean {
  return error instanceof L2cafError && ['input-not-found', 'input-unreadable', 'diverged'].includes(error.code);
}

function nameOf(path: string): string {
  return basename(path, extname(path));
}
