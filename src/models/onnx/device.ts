/** Whether onnxruntime can compute where it is wanted to. */
import { GraphBuilder } from './builder.ts';
import { openSession } from './runtime.ts';

/**
 * Tries the device that is wanted on the smallest of graphs.
 *
 * @throws L2cafError as `openSession`
 */
export async function tryDevice(): Promise<void> {
  const graph = new GraphBuilder();
  graph.node('Relu', [graph.input('x', ['n'])], 'y');
  graph.output('y', ['n']);
  (await openSession('a network', graph.bytes())).release();
}
