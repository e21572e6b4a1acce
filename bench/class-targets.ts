/**
 * Class targets (paper, Eq. 2) on nonlinear tails, where the loss is no sum of squares: quasi-Newton on the sphere beside
 * gradient descent run until its loss has settled. Single-threaded wasm.
 */
import { basename } from 'node:path';
import { featuresOf, openClip, openModel, sampleEvent } from '../src/analysis/pipeline.ts';
import * as tf from '../src/base/tensorflow.ts';
import { solveFilters } from '../src/l2caf/solve.ts';
import { correlation } from '../src/l2caf/starts.ts';
import type { Tail } from '../src/l2caf/tail.ts';
import { useBackend } from '../src/models/backend.ts';
import { classifierTail } from '../src/models/classifier-tail.ts';
import { findClassifier } from '../src/models/classifiers.ts';
import { openPicture, picturePixels } from '../src/video/media/picture.ts';
import { writeResults } from './results.ts';
import { fixtureClip } from './support.ts';

/** Adam until 50 iterations change the loss by less than this, which is far beyond the published rule. */
const SETTLED = { tolerance: 1e-7, maxIterations: 3000 } as const;

/** Prints the table: an event with the packaged head; where they are named, a picture with ResNet-50 and SqueezeNet. */
export async function run([picture, squeezenet]: readonly string[]): Promise<void> {
  const rows = await onEvent();
  if (picture !== undefined) rows.push(...(await onPicture('resnet50-imagenet', 'conv4_block6_out', picture)));
  if (picture !== undefined && squeezenet !== undefined) rows.push(...(await onPicture(squeezenet, 'fire9', picture)));
  await writeResults({
    name: 'class-targets',
    command: ['npm run bench -- class-targets', picture && 'PICTURE', squeezenet && 'SQUEEZENET_FOLDER']
      .filter(Boolean)
      .join(' '),
    tables: [
      {
        columns: ['tail', 'frame', 'loss', 'settled Adam', 'gradients', 'Adam', 'time / Adam', 'correlation of maps'],
        rows,
        notes: ['The most probable class; one start each, quasi-Newton from equal cells, Adam from random ones.'],
      },
    ],
  });
}

async function onEvent(): Promise<string[][]> {
  const model = await openModel({ backend: 'wasm' });
  const { clip, span } = await openClip(fixtureClip, {});
  const tail = model.network.tail(
    await featuresOf(model, await sampleEvent(model, { clip, span, frames: 3 })),
    'logits',
  );
  const rows = await compare('LSTM, packaged head', tail);
  tail.dispose();
  model.network.dispose();
  return rows;
}

async function onPicture(model: string, layer: string, path: string): Promise<string[][]> {
  await useBackend('wasm');
  const network = await (await findClassifier(model)).load();
  const input = network.preprocess(picturePixels(await openPicture(path), network.inputSize));
  const tail = classifierTail(network, input, layer);
  const rows = await compare(`${basename(network.id)} after ${layer}`, tail);
  tf.dispose(input);
  tail.dispose();
  network.dispose();
  return rows;
}

async function compare(name: string, tail: Tail): Promise<string[][]> {
  const index = tail.reference.indexOf(Math.max(...tail.reference));
  const objective = { kind: 'class', index } as const;
  const rows: string[][] = [];
  for (let slot = 0; slot < tail.slots; slot++) {
    const solve = async (options: Parameters<typeof solveFilters>[1]) => {
      const started = performance.now();
      const { filters } = await solveFilters(tail, { objective, slots: [slot], ...options });
      return { ms: performance.now() - started, filter: filters[0]! };
    };
    const ours = await solve({ solver: 'quasi-newton' });
    const adam = await solve({ solver: 'gd', descent: SETTLED });
    rows.push([
      name,
      `${slot + 1}`,
      ours.filter.loss.toFixed(4),
      adam.filter.loss.toFixed(4),
      `${ours.filter.iterations}`,
      `${adam.filter.iterations}`,
      (ours.ms / adam.ms).toFixed(3),
      correlation(ours.filter.values, adam.filter.values).toFixed(3),
    ]);
    console.error(rows.at(-1)!.join('  '));
  }
  return rows;
}
