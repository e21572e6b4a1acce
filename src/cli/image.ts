/** `l2caf image`: what does a classification network look at in a still picture, class by class? */
import { basename, extname, join } from 'node:path';
import { percent } from '../analysis/verdicts.ts';
import { L2cafError } from '../base/errors.ts';
import { isFolder, sha256OfFile, withFolder, writeFileAtomically } from '../base/files.ts';
import { checkOutputFolder, checkOutputs, removeSealed } from '../base/output.ts';
import type { PictureSize } from '../base/types.ts';
import type { Constraint, Method, SolverChoice } from '../l2caf/choices.ts';
import type { PresetName } from '../l2caf/presets.ts';
import type { ClassifierBackend } from '../models/choices.ts';
import { findClass } from '../models/imagenet.ts';
import { isImported } from '../models/imported.ts';
import { isStillHead } from '../models/still-directory.ts';
import { expectPictures } from '../objects/on-picture.ts';
import { readObjects } from '../objects/read.ts';
import { analyzePicture, type StillOptions } from '../stills/analyze.ts';
import { type PictureAnalysis, writePictureAnalysis } from '../stills/document.ts';
import { drawConstraintsFigure, drawMapsFigure, drawSanityFigure, labelOf } from '../stills/drawing.ts';
import { checkSize, type OpenStill, stillNetwork } from '../stills/still-network.ts';
import { outputsNamed, type StillTarget, usualTarget } from '../stills/targets.ts';
import { openPicture } from '../video/media/picture.ts';
import { lossWords } from './analyze-table.ts';
import { freeName, inTurn, isAbout, isOfOther } from './default-folder.ts';
import type { NetworkFlags } from './network-options.ts';
import { type ObjectReadingFlags, objectReadingOf } from './object-options.ts';
import { openStill } from './open-still.ts';
import type { TargetFlag } from './options.ts';
import { USUAL_MAPS } from './options.ts';
import { EXIT, reportError } from './run.ts';
import { type StyleFlags, styleOf } from './style-options.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

/** What commander hands over. */
export interface ImageFlags extends StyleFlags, NetworkFlags, Pick<ObjectReadingFlags, 'objectsScore'> {
  readonly model: string;
  readonly top?: number;
  readonly classes?: string;
  readonly oblivious?: boolean;
  readonly target?: TargetFlag;
  readonly method: Method;
  readonly constraint: Constraint;
  readonly compareConstraints?: boolean;
  readonly fine?: boolean;
  readonly solver: SolverChoice;
  readonly preset: PresetName;
  readonly signed?: boolean;
  readonly sanity?: boolean;
  readonly size?: PictureSize;
  readonly seed: number;
  /** A file of boxes. */
  readonly objects?: string;
  readonly showObjects?: boolean;
  readonly backend: ClassifierBackend;
  readonly output: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** One picture after another; a bad one is reported at its turn and fails the run at its end. */
export async function analyzeAll(files: readonly string[], flags: ImageFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const own = await isImported(flags.model);
  checkFlags(files, flags, own);
  await expectFiles(files);
  const { leastScore } = objectReadingOf(flags);
  const hasOwnClasses = own || (await isStillHead(flags.model));
  const early = hasOwnClasses ? undefined : targetOfImageNet(flags); // before a network is fetched
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
  const list = flags.objects === undefined ? undefined : await readObjects(flags.objects);
  if (list) expectPictures(list, files.length === 1); // before a network is opened
  if (list) terminal.info(`${list.path} is ${list.format}: ${list.boxes.length} boxes`);
  for (const note of list?.notes ?? []) terminal.info(note);
  const objects = list && { list, isOnly: files.length === 1, ...(leastScore !== undefined && { leastScore }) };
  const analyses: PictureAnalysis[] = [];
  const work = { onProgress: terminal.onProgress, signal };
  const model = await openStill(flags, work);
  try {
    if ('warnings' in model) for (const warning of model.warnings) terminal.warn(warning);
    const { layer, size, objects: _, ...others } = flags;
    const choices = own ? {} : { ...(layer && { layer }), ...(size && { size }) };
    const target = early ?? targetFor(flags, stillNetwork(model, choices), own ? terminal : undefined);
    const options: StillOptions = { ...others, ...choices, ...(objects && { objects }), target, ...work };
    for (const path of files) {
      try {
        analyses.push(await withFolder(flags.output, () => analyzeOne(model, path, flags, options, terminal)));
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

/** @throws L2cafError `usage` for a folder */
async function expectFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (!(await isFolder(path))) continue;
    throw new L2cafError('usage', `${path} is a folder, not a picture`, {
      hint: `name the pictures in it, such as ${join(path, '*.jpg')}; of a video's, l2caf analyze takes the folder`,
    });
  }
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

/** What is to be explained of a network of the user's; of a file, that may be a guess, which is said. */
function targetFor(
  { oblivious, classes, target, top }: ImageFlags,
  { output }: ReturnType<typeof stillNetwork>,
  ofFile: Terminal | undefined,
): StillTarget {
  if (oblivious || target?.kind === 'oblivious') return { kind: 'oblivious' };
  if (target?.kind === 'class') return outputsNamed(output, 'classes', [target.label]);
  if (target?.kind === 'output') return outputsNamed(output, 'outputs', [target.label]);
  if (classes !== undefined) return outputsNamed(output, 'classes', classes.split(','));
  if (top !== undefined) return { kind: 'top', count: top };
  if (output.kind === 'embedding') {
    ofFile?.warn('all outputs are explained as one embedding (--kind scores: they are classes; --labels names them)');
  }
  return usualTarget(output, USUAL_MAPS);
}

async function analyzeOne(
  model: OpenStill,
  path: string,
  flags: ImageFlags,
  options: StillOptions,
  terminal: Terminal,
): Promise<PictureAnalysis> {
  const analysis = await analyzePicture(model, path, options);
  const known = 'warnings' in model ? model.warnings : [];
  for (const warning of analysis.warnings ?? []) if (!known.includes(warning)) terminal.warn(warning);
  const picture = await openPicture(path, analysis.source.sha256);
  const { signed = false, showObjects = false } = flags;
  const style = { overlay: styleOf(flags), signed, showObjects };
  const figures: [FileOfPicture, Uint8Array][] = [['maps', drawMapsFigure(picture, analysis, style)]];
  if (analysis.constraints) figures.push(['constraints', drawConstraintsFigure(picture, analysis, style)]);
  if (analysis.sanity) figures.push(['sanity', drawSanityFigure(picture, analysis, style)]);
  const written = await inTurn(flags.output, async () => {
    // Another run may have taken the name meanwhile, for another picture.
    const files = filesOf(await baseOf(path, flags.output));
    await removeSealed(Object.values(files)); // an earlier analysis, of which nothing is to stay beside the new one
    await writePictureAnalysis(files.document, analysis);
    for (const [kind, bytes] of figures) await writeFileAtomically(files[kind], bytes);
    return [files.document, ...figures.map(([kind]) => files[kind])];
  });
  if (!flags.json) report(analysis, written, terminal);
  return analysis;
}

function report(analysis: PictureAnalysis, files: readonly string[], terminal: Terminal): void {
  const { source, maps, sanity } = analysis;
  const heading = [HEADINGS[maps[0]!.target.kind], 'loss', 'iterations', 'status', 'peak cell', 'opposing'];
  const rows = maps.map((map) => [
    labelOf(map),
    map.loss.toPrecision(4),
    String(map.iterations),
    map.status,
    `row ${map.peakCell.row}, column ${map.peakCell.column}`,
    `${(100 * map.opposingShare).toFixed(1)} %`,
  ]);
  terminal.result(basename(source.path));
  terminal.result(formatTable([heading, ...rows]));
  if (analysis.objects) terminal.result(`\n${objectTable(analysis, analysis.objects)}`);
  if (sanity) {
    const means = sanity.meanRankCorrelations.map((value) => value.toFixed(2)).join(', ');
    terminal.result(`sanity check ${sanity.verdict}: mean rank correlation ${means} with the trained network's maps`);
  }
  for (const file of files) terminal.result(file);
}

/** How much of each map lies on each object, and what of each answer is lost without it. */
function objectTable({ maps }: PictureAnalysis, { area, list }: NonNullable<PictureAnalysis['objects']>): string {
  const names = maps.map(({ target }) => (target.kind === 'oblivious' ? 'attention' : target.label));
  const shares = list.map(({ name, area: own }, i) => [
    ...[name, percent(own)],
    ...maps.map(({ objects }) => percent(objects!.each[i]!)),
  ]);
  const any = ['any object', percent(area), ...maps.map(({ objects }) => percent(objects!.share))];
  const losses = list.map(({ name }, i) => [
    name,
    ...maps.map(({ objects }) => {
      const own = objects!.without?.find(({ object }) => object === i);
      return own ? lossWords(own.lost, own.elsewhere) : '-';
    }),
  ]);
  const lostOf = maps.map(({ target }) => (target.kind === 'oblivious' ? 'lost (elsewhere)' : target.label));
  return [
    formatTable([['object', 'area', ...names], ...shares, any]),
    formatTable([['without (elsewhere)', ...lostOf], ...losses]),
  ].join('\n\n');
}

/** What the first column of the table holds. */
const HEADINGS = { class: 'class', output: 'number', oblivious: 'explained' } as const;

/** What the results of each picture are called, as far as it is known before the work. */
async function basesOf(files: readonly string[], folder: string): Promise<string[]> {
  const bases: string[] = [];
  for (const path of files) bases.push(await baseOf(path, folder, bases));
  return bases;
}

/**
 * What the results of a picture are called: as it, unless they are those of another picture of that name.
 *
 * @param others names that are taken, too
 */
async function baseOf(path: string, folder: string, others: readonly string[] = []): Promise<string> {
  const hash = await sha256OfFile(path).catch(() => ''); // its turn says what is wrong with it
  return freeName(
    join(folder, nameOf(path)),
    async (base) => others.includes(base) || isOfOther(filesOf(base).document, isAbout(path, hash)),
  );
}

/** What may be written about a picture. */
type FileOfPicture = 'document' | 'maps' | 'constraints' | 'sanity';

function filesOf(base: string): Record<FileOfPicture, string> {
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
