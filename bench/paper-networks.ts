/** The networks of the paper, as files: what a picture costs, `npm run bench -- networks --paper FOLDER`. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FigureRow } from '../src/evaluation/figure-table.ts';
import { measureTimes, timedStill } from '../src/evaluation/timing.ts';
import { openImportedStill } from '../src/stills/analyze.ts';
import { parsePictureAnalysis } from '../src/stills/document.ts';
import { stillNetwork } from '../src/stills/still-network.ts';
import { writeResults } from './results.ts';
import { measureCli, root, temporaryFolder } from './support.ts';

const REPEATS = 3;

/** Measures each file of a folder, and writes bench/results/networks-paper.json. */
export async function ofPaper(folder: string): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.onnx')).sort();
  const rows: string[][] = [];
  for (const file of files) rows.push(await rowOf(join(folder, file)));
  await writeResults({
    name: 'networks-paper',
    command: 'npm run bench -- networks --paper FOLDER',
    tables: [
      {
        columns: [
          ...['network', 'file, MB', 'cells', 'solver', 'trunk, s', 'L2-CAF, s', 'Grad-CAM, s', 'CAM, s'],
          ...['`l2caf image`, s', 'memory, MB'],
        ],
        rows,
        notes: [
          `Random weights, one picture of 224x224, the layer that is found. Trunk: from the picture to the layer; maps: what comes on top, of the first class (of VGG16, which has none, of the embedding); medians of ${REPEATS}. The last two columns are of the whole command, finding the layer included. Of GoogLeNet random weights leave numbers of a millionth at the last layer, whose linearity single precision cannot show: it has no closed form here, nor a CAM.`,
        ],
      },
    ],
  });
}

async function rowOf(path: string): Promise<string[]> {
  const name = path.replace(/^.*[\\/]|\.onnx$/g, '');
  const out = temporaryFolder();
  const picture = join(root, 'docs', 'pictures', 'planted.jpg');
  const { seconds, peakMb } = measureCli(['image', picture, '--model', path, '-q', '-o', out]);
  const document = (await readdir(out)).find((file) => file.endsWith('.json'))!;
  const { model, options } = parsePictureAnalysis(JSON.parse(await readFile(join(out, document), 'utf8')));
  const open = await openImportedStill(path, { backend: 'auto' });
  let found: readonly FigureRow[];
  try {
    const network = stillNetwork(open, {});
    ({ rows: found } = await measureTimes([timedStill(network, 0)], {
      ...{ repeats: REPEATS, vanillaIterations: 0, presets: [], seed: 0 },
    }));
  } finally {
    open.network.dispose();
  }
  const kind = found.some(({ name: own }) => own.startsWith('fast, class')) ? 'class' : 'oblivious';
  const figure = (way: string, key: string): number | undefined =>
    found.find(({ name: own }) => own.startsWith(`fast, ${kind}, ${way}`))?.figures[key]?.value;
  const own = (way: string): string => {
    const [all, trunk] = [figure(way, 'seconds'), figure(way, 'trunk')];
    return all === undefined || trunk === undefined ? '-' : Math.max(0, all - trunk).toFixed(3);
  };
  return [
    ...[name, ((await stat(path)).size / 1e6).toFixed(0), `${model.grid.width}x${model.grid.height}`, options.solver],
    ...[figure('auto', 'trunk')!.toFixed(3), own('auto'), own('Grad-CAM'), own('CAM')],
    ...[seconds.toFixed(1), peakMb.toFixed(0)],
  ];
}
