/** `l2caf models export`, as it is asked for. */
import type { Command } from 'commander';
import { DEFAULT_MODEL } from '../../models/packaged.ts';
import type { ExportFlags } from '../models-export.ts';
import { examples, parseCount, parseSize } from '../options.ts';
import { interruptible } from '../run.ts';

/** Adds the subcommand. */
export function addExportCommand(models: Command): void {
  models
    .command('export')
    .description('write a network as an ONNX file with its card, for other programs and as --model of every command')
    .argument('[model]', 'a packaged model, a trunk, the folder of a trained model or of SqueezeNet', DEFAULT_MODEL)
    .requiredOption('-o, --output <folder>', 'where it goes')
    .option('--size <WxH>', 'size of its pictures, of models that pool their feature maps', parseSize)
    .option('--frames <count>', 'frames of an event in its card (default: as it was trained)', parseCount(1))
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples('l2caf models export driving -o driving-onnx', 'l2caf models export resnet50-imagenet -o resnet'),
    )
    .action((model: string, flags: ExportFlags) =>
      interruptible(async (signal) => (await import('../models-export.ts')).exportNetwork(model, flags, signal)),
    );
}
