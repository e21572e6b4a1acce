/** `l2caf search`: which indexed events are like this one? */
import { Command, Option } from 'commander';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { checkOutputs } from '../base/output.ts';
import { ENGINE_CHOICES, type EngineChoice } from '../models/choices.ts';
import { DEFAULT_MODEL } from '../models/packaged.ts';
import { type Embedder, openEmbedder } from '../retrieval/embedder.ts';
import { EXCLUSIONS, type Exclusion } from '../retrieval/evaluate.ts';
import { type EventRecord, EventTable, type Neighbour } from '../retrieval/event-table.ts';
import { explainPairs, type PairAttention } from '../retrieval/explain-pair.ts';
import { findQuery } from '../retrieval/search.ts';
import { drawSearchSheet } from '../retrieval/sheet.ts';
import { addNetworkOptions, cardOf, type NetworkFlags } from './network-options.ts';
import { choiceOption, examples, parseCount, parseSeconds } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal, formatTable } from './terminal.ts';

interface SearchFlags extends Omit<NetworkFlags, 'explain'> {
  readonly db: string;
  readonly start?: number;
  readonly end?: number;
  readonly neighbours: number;
  readonly where?: string;
  readonly exclude: Exclusion;
  readonly output?: string;
  readonly explain?: 'best' | 'all';
  readonly model: string;
  readonly backend: EngineChoice;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `search` command. */
export function searchCommand(): Command {
  const command = new Command('search')
    .description('find the indexed events that are most like a clip or an indexed event')
    .argument('<query>', 'a clip, or the id of an indexed event')
    .requiredOption('--db <db>', 'the database that l2caf index wrote')
    .option('--start <time>', 'start of the event in the clip, seconds or [h:]m:s (default: its start)', parseSeconds)
    .option('--end <time>', 'end of the event in the clip (default: its end)', parseSeconds)
    .option('-k, --neighbours <count>', 'events to find', parseCount(1), 5)
    .option('--where <condition>', 'SQL on id, video, start, end, label, split: only such events are searched')
    .addOption(choiceOption('--exclude <what>', 'what may not answer', EXCLUSIONS, 'overlap'))
    .option('-o, --output <file>', 'a PNG with the frames of the query and of what was found')
    .addOption(
      new Option('--explain [which]', 'draw what makes the query and the best match (or all) similar; needs -o')
        .choices(['best', 'all'])
        .preset('best'),
    )
    .option(
      '--model <name>',
      'what the events were indexed with: a model by name, folder or network file',
      DEFAULT_MODEL,
    )
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .option('--json', 'print one JSON document instead of the table')
    .option('-q, --quiet', 'no progress');
  return addNetworkOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf search drive-0042 --db drives.lance -o like-42.png',
        'l2caf search new.mp4 --start 1:02 --end 1:05 --db drives.lance -k 10 --exclude video',
        `l2caf search drive-0042 --db drives.lance --where "label = 'cyclist'" -o like-42.png --explain`,
        'l2caf search new.mp4 --db drives.lance --model net.onnx --norm imagenet   (as the events were indexed)',
      ),
    )
    .action((query: string, flags: SearchFlags) => interruptible((signal) => run(query, flags, signal)));
}

async function run(text: string, flags: SearchFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { signal, onProgress: terminal.onProgress };
  const { output, explain, exclude, where } = flags;
  if (explain !== undefined && output === undefined) {
    throw new L2cafError('usage', '--explain draws into a picture: name it with -o FILE.png');
  }
  if (output !== undefined) {
    if (!/\.png$/i.test(output)) throw new L2cafError('usage', `the picture is a .png file, not ${output}`);
    await checkOutputs([output]);
  }
  const table = await EventTable.open(flags.db);
  const frames = table.model!.frames;
  const { explain: _, ...network } = flags; // here it is no output of the network
  const card = await cardOf(network);
  let opened: Embedder | undefined;
  const openOwn = async (): Promise<Embedder> => {
    const { model, backend } = flags;
    opened ??= await openEmbedder(model, { backend, card, frames, onNote: terminal.warn, signal });
    table.expectModel(opened.model);
    return opened;
  };
  const wanted = { text, startSec: flags.start, endSec: flags.end };
  const query = await findQuery(table, wanted, { openEmbedder: openOwn, ...work });
  const neighbours = await table.nearest(query, query.embedding, { k: flags.neighbours, exclude, where });
  if (neighbours.length === 0) terminal.warn('nothing was found: no other event fulfils the conditions');
  if (output !== undefined) {
    const explained = explain === undefined ? [] : neighbours.slice(0, explain === 'best' ? 1 : undefined);
    const pairs: readonly PairAttention[] =
      explained.length === 0 ? [] : await explainPairs(await openOwn(), query, explained, work);
    const sheet = { query, neighbours, pairs, frames, exclude, where, onWarning: terminal.warn, signal };
    await writeFileAtomically(output, await drawSearchSheet(sheet));
  }
  opened?.close();
  if (flags.json) {
    const answer = { query: plain(query), exclude, where, neighbours: neighbours.map(plain), sheet: output };
    return terminal.result(JSON.stringify(answer));
  }
  terminal.result(neighboursTable(neighbours));
  if (output !== undefined) terminal.result(output);
}

/** An event as programs read it: without its embedding. */
function plain({ id, video, span, label, split, ...rest }: EventRecord & { readonly distance?: number }): object {
  const { distance } = rest;
  return { id, video, start: span.startSec, end: span.endSec, label, split, distance };
}

function neighboursTable(neighbours: readonly Neighbour[]): string {
  const rows = neighbours.map(({ distance, id, label = '-', video, span }, i) => [
    String(i + 1),
    distance.toFixed(4),
    label,
    id,
    span.startSec.toFixed(2),
    span.endSec.toFixed(2),
    video,
  ]);
  return formatTable([['', 'distance', 'label', 'id', 'start', 'end', 'video'], ...rows]);
}
