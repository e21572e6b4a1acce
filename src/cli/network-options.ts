/** The options that say of a file of a network what it does not say itself, as its card would (docs/networks.md). */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { RESIZES, type Resize } from '../base/fit.ts';
import type { Card } from '../models/card.ts';
import { FILTER_SPANS, NORMS, type Norm, OUTPUT_KINDS } from '../models/choices.ts';

/** What commander hands over for these options. */
export interface NetworkFlags {
  readonly card?: string;
  readonly norm?: Norm;
  readonly bgr?: boolean;
  readonly resize?: Resize;
  readonly inputLayout?: string;
  readonly layer?: string;
  readonly layout?: string;
  readonly filter?: (typeof FILTER_SPANS)[number];
  readonly explain?: string;
  readonly kind?: (typeof OUTPUT_KINDS)[number];
  readonly labels?: string;
}

/** Adds the options, and not those that the command has already. */
export function addNetworkOptions(command: Command): Command {
  const own = new Set(command.options.map(({ long }) => long));
  for (const option of networkOptions()) if (!own.has(option.long)) command.addOption(option);
  return command;
}

function networkOptions(): readonly Option[] {
  const only = 'of a network file: ';
  return [
    new Option('--card <file>', `${only}its card (default: the .json of its name beside it)`),
    new Option('--norm <name>', `${only}how it wants its pictures`).choices(NORMS),
    new Option('--bgr', `${only}it wants blue first`),
    new Option('--resize <way>', `${only}how pictures of another shape fit (default: stretch)`).choices(RESIZES),
    new Option(
      '--input-layout <axes>',
      `${only}order of its input's axes, such as "b t c h w" (default: from its shape)`,
    ),
    new Option(
      '--layer <name>',
      `${only}tensor or node whose output is filtered (default: found, l2caf models inspect)`,
    ),
    new Option('--layout <axes>', `${only}order of the layer's axes, such as "(b t) c h w" (default: found)`),
    new Option('--filter <span>', `${only}one filter for each slice of time, or one over all`).choices(FILTER_SPANS),
    new Option('--explain <tensor>', `${only}the output to explain (default: the first)`),
    new Option('--kind <kind>', `${only}what its outputs are`).choices(OUTPUT_KINDS),
    new Option('--labels <names>', `${only}names of its outputs: a file with one on each line, or a list with commas`),
  ];
}

/** What the options say; undefined when nothing. Throws as `readCard`. */
export async function cardOf(flags: NetworkFlags): Promise<Card | undefined> {
  const { cardWith, normCard, readCard } = await import('../models/card.ts');
  const { card: file, norm, bgr, resize, inputLayout, layer, layout, filter, explain, kind, labels } = flags;
  const input: Card['input'] = {
    ...(norm && normCard(norm)),
    ...(bgr && { channels: 'BGR' as const }),
    ...(resize && { resize }),
    ...(inputLayout && { layout: inputLayout }),
  };
  const named = labels?.includes(',') ? labels.split(',').map((label) => label.trim()) : labels && resolve(labels);
  const said: Card = {
    ...(Object.keys(input).length > 0 && { input }),
    ...((layer ?? layout) && { layer: { ...(layer && { tensor: layer }), ...(layout && { layout }) } }),
    ...(filter && { filter }),
    ...((explain ?? kind ?? named) && {
      output: {
        ...(explain && { tensor: explain }),
        ...(kind && { kind }),
        ...(named && { labels: named }),
      },
    }),
  };
  const card = file === undefined ? said : cardWith(await readCard(file), said);
  return Object.keys(card).length > 0 ? card : undefined;
}
