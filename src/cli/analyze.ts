/** `l2caf analyze`: the main job. What did the network look at in this clip? */
import { basename, extname, join } from 'node:path';
import { Command, Option } from 'commander';
import { type Analysis, writeAnalysis } from '../analysis.ts';
import { withFolder } from '../files.ts';
import { PRESET_NAMES, type PresetName } from '../l2caf/presets.ts';
import { SOLVER_CHOICES, type SolverChoice } from '../l2caf/solve.ts';
import { BACKEND_CHOICES, type BackendChoice } from '../models/backend.ts';
import { STAGES, type Stage } from '../models/resnet.ts';
import { analyzeEvent, openClip, openModel } from '../pipeline.ts';
import { renderStrip, renderVideo } from '../rendering.ts';
import type { PictureSize, TimeSpan, VideoClip } from '../types.ts';
import { choiceOption, examples, parseCount, parseSeconds, parseSize } from './options.ts';
import { interruptible } from './run.ts';
import { addStyleOptions, type StyleFlags, styleOf } from './style-options.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

interface AnalyzeFlags extends StyleFlags {
  readonly start?: number;
  readonly end?: number;
  readonly frames: number;
  readonly size: PictureSize;
  readonly stage: Stage;
  readonly seed: number;
  readonly backend: BackendChoice;
  readonly solver: SolverChoice;
  readonly preset: PresetName;
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `analyze` command. */
export function analyzeCommand(): Command {
  const command = new Command('analyze')
    .description('show what the network looks at in a driving clip')
    .argument('<clip>', 'a video file that ffmpeg can read')
    .option('--start <time>', 'start of the event, seconds or [h:]m:s (default: start of the clip)', parseSeconds)
    .option('--end <time>', 'end of the event (default: end of the clip)', parseSeconds)
    .option('--frames <count>', 'frames to sample from the event', parseCount(1), 3)
    .addOption(
      new Option('--size <WxH>', 'size at which the network sees them, multiples of 32')
        .argParser(parseSize)
        .default({ width: 384, height: 224 }, '384x224'),
    )
    .addOption(choiceOption('--stage <name>', 'the stage after which the trunk is trimmed', STAGES, 'conv4'))
    .option('--seed <number>', 'seed of everything that is drawn at random', parseCount(0), 0)
    .addOption(choiceOption('--backend <name>', 'what runs the network', BACKEND_CHOICES, 'auto'))
    .addOption(choiceOption('--solver <name>', 'how the filters are found', SOLVER_CHOICES, 'auto'))
    .addOption(choiceOption('--preset <name>', 'settings of gradient descent (l2caf presets)', PRESET_NAMES, 'paper'))
    .option('-o, --output <folder>', "where the results go (default: the clip's name in l2caf-out)")
    .option('--json', 'print the analysis as one JSON document instead of the table')
    .option('-q, --quiet', 'no progress');
  return addStyleOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf analyze drive.mp4 --start 1:02 --end 1:05',
        'l2caf analyze drive.mp4 --frames 5 --style both -o results/turn',
      ),
    )
    .action((path: string, flags: AnalyzeFlags) => interruptible((signal) => analyze(path, flags, signal)));
}

async function analyze(path: string, flags: AnalyzeFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { signal, onProgress: terminal.onProgress };
  const style = styleOf(flags);
  const folder = flags.output ?? join('l2caf-out', basename(path, extname(path)));
  const files = {
    analysis: join(folder, 'analysis.json'),
    strip: join(folder, 'strip.png'),
    video: join(folder, 'overlay.mp4'),
  };
  const { start, end } = flags;
  const wanted = { ...(start !== undefined && { startSec: start }), ...(end !== undefined && { endSec: end }) };
  const { clip, span } = await openClip(path, wanted, signal);
  const analysis = await withFolder(folder, async () => {
    const found = await findAttention(clip, span, flags, terminal, signal);
    await writeAnalysis(files.analysis, found);
    await renderStrip(found, files.strip, { ...work, style });
    await renderVideo(found, files.video, { ...work, style });
    return found;
  });
  if (flags.json) return terminal.result(JSON.stringify(analysis));
  terminal.result(frameTable(analysis));
  for (const file of Object.values(files)) terminal.result(file);
}

async function findAttention(
  clip: VideoClip,
  span: TimeSpan,
  flags: AnalyzeFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Analysis> {
  const work = { signal, onProgress: terminal.onProgress };
  const model = await openModel({ ...flags, ...work });
  for (const warning of model.warnings) terminal.warn(warning);
  try {
    return await analyzeEvent(model, { ...flags, ...work, clip, span });
  } finally {
    model.network.dispose();
  }
}

function frameTable({ frames }: Analysis): string {
  const heading = ['frame', 'time', 'loss', 'iterations', 'status', 'peak cell'];
  const rows = frames.map(({ timestep, timestampSec, loss, iterations, status, peakCell }) => [
    String(timestep + 1),
    `${timestampSec.toFixed(2)} s`,
    loss.toPrecision(4),
    String(iterations),
    status,
    `row ${peakCell.row + 1}, column ${peakCell.column + 1}`,
  ]);
  return formatTable([heading, ...rows]);
}
