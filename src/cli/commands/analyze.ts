/** `l2caf analyze`, as it is asked for. */
import { Command } from 'commander';
import { addAnalysisOptions, PREVIEW_SEC } from '../analysis-options.ts';
import type { AnalyzeFlags } from '../analyze.ts';
import { addNetworkOptions } from '../network-options.ts';
import { addObjectReading } from '../object-options.ts';
import {
  cropOption,
  examples,
  FINE,
  LIST_FORMS,
  OBJECT_FORMS,
  parseCount,
  parseSeconds,
  pictureOptions,
  videosOption,
} from '../options.ts';
import { interruptible } from '../run.ts';
import { addVideoOptions, hideOption } from '../style-options.ts';
import { addWindowOptions } from '../window-options.ts';

/** The `analyze` command. */
export function analyzeCommand(): Command {
  const [fps, times] = pictureOptions();
  const command = new Command('analyze')
    .argument(
      '<clips...>',
      'video files that ffmpeg can read, folders of numbered pictures, or Donkey tubs; of several, each has a folder of its own',
    )
    .option('--start <time>', 'start of the event, seconds or [h:]m:s (default: start of the clip)', parseSeconds)
    .option('--end <time>', 'end of the event (default: end of the clip)', parseSeconds)
    .option(
      '--track <number>',
      'which video track of the file, from 0 (default: the one that players show)',
      parseCount(0),
    )
    .addOption(fps)
    .addOption(times)
    .addOption(cropOption())
    .option(
      '--frames <count>',
      'frames to sample from the event (default: 3, or as many as the network takes)',
      parseCount(1),
    )
    .option('--events <list>', `a list of events whose labels are shown over time: ${LIST_FORMS}`)
    .addOption(videosOption())
    .option(
      '--signals <CSV>',
      "numbers to show over time, in the columns time (seconds) and one for each (default: a tub's own)",
    )
    .option('--objects <file>', `boxes of objects, whose share of the attention is told: ${OBJECT_FORMS}`);
  addObjectReading(command).option(
    '--preview',
    `first write a small preview.mp4 (with --dense, of the first ${PREVIEW_SEC} seconds)`,
  );
  addWindowOptions(command, 'the clip');
  addAnalysisOptions(command)
    .option('--fine', `${FINE} (default: of a single event, on l2caf's own networks)`)
    .option('--no-fine', "maps of the network's own cells")
    .option('--strict', 'refuse frames that are damaged or lost in the file (default: they are marked, and it is said)')
    .option(
      '-o, --output <folder>',
      "where the results go; of several clips, into folders in it (default: the clip's name in l2caf-out)",
    )
    .option('--no-report', 'do not write report.html')
    .option('--json', 'print the analysis as one JSON document instead of the table')
    .option('-q, --quiet', 'no progress');
  addNetworkOptions(command);
  return addVideoOptions(command, hideOption())
    .addHelpText(
      'after',
      examples(
        'l2caf analyze drive.mp4 --start 1:02 --end 1:05',
        'l2caf analyze drive.mp4 --frames 5 --style both -o results/turn',
        'l2caf analyze *.mp4 -o results        each into results/NAME',
        'l2caf analyze drive.mp4 --dense --window 4 --stride 1 --ribbon',
        'l2caf analyze drive.mp4 --whole --frames 8',
        'l2caf analyze drive.mp4 --dense --ribbon --events events.csv',
        'l2caf analyze drive.mp4 --dense --objects tracks.csv',
        'l2caf analyze drive.mp4 --objects detections.json --objects-score 0.5',
        'l2caf analyze pictures/ --fps 20 --dense --ribbon',
        'l2caf analyze drive.mp4 --method gradcam-abs',
        'l2caf analyze drive.mp4 --model my-model --target class:left_turn',
        'l2caf analyze drive.mp4 --end 3 --target similar:other.mp4@10-13',
        'l2caf analyze drive.mp4 --model net.onnx --norm imagenet --labels classes.txt',
        'l2caf analyze drive.mp4 --model vit.onnx --norm imagenet --resize cover --method rollout',
        'l2caf analyze drive.mp4 --model pilot.onnx --norm 0..1 --labels steering,throttle --kind numbers --dense --ribbon',
      ),
    )
    .action((paths: string[], flags: AnalyzeFlags) =>
      interruptible(async (signal) => (await import('../analyze.ts')).analyzeAll(paths, flags, signal)),
    );
}
