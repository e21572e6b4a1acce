/** The one check that weights fit the network they are given to. */
import { L2cafError } from '../base/errors.ts';
import type { NamedArray } from './safetensors.ts';

/**
 * Checks that every expected array is there and has its shape.
 *
 * @throws L2cafError `weights-invalid`, naming the first array that does not fit, expected and actual shape.
 */
export function expectShapes(
  expected: ReadonlyMap<string, readonly number[]>,
  weights: ReadonlyMap<string, NamedArray>,
): void {
  for (const [name, shape] of expected) {
    const actual = weights.get(name)?.shape;
    if (actual?.join() === shape.join()) continue;
    const found = actual ? `has the shape [${actual.join(', ')}]` : 'is missing';
    throw new L2cafError('weights-invalid', `weights: ${name} ${found}, expected [${shape.join(', ')}]`, {
      hint: 'these weights belong to another network',
    });
  }
}
