/** Networks that make a batch of an event's frames for their CNN, and events of it again. */
import { type LayerConfig, shapeText, sizeOf } from './layer-config.ts';
import { isNode, type Read } from './node.ts';

/**
 * What a function that reshapes does to the batch, as when frames are made a batch for a CNN and events again behind it: it is
 * applied along time then.
 *
 * @param folded axes of its input that the file has in the batch
 * @returns along how many it is applied, and how many the file has in the batch of what it gives
 */
export function refoldedBy(
  className: string,
  config: LayerConfig,
  read: readonly Read[],
  placeLead: number,
  folded: number,
) {
  const same = { className, lead: folded, folds: folded, settings: config };
  const [input] = read.filter(isNode);
  const isFunction = className === 'Reshape' || (className === 'TFOpLambda' && config.get('function') === 'reshape');
  const given = config.get('newshape') ?? config.get('shape');
  if (!isFunction || !Array.isArray(given) || input === undefined || placeLead > 0) return same;
  const [batch, ...target] = given as number[];
  const [steps = 1, ...each] = input.shape;
  const made = (lead: number, folds: number, shape: readonly number[]) => {
    const isAsBefore = shapeText(shape) === shapeText(each); // then rows and columns stay what they are
    const settings = config.with({ newshape: [1, ...shape], shape: [1, ...shape] });
    return { className: isAsBefore ? 'Identity' : className, lead, folds, settings };
  };
  const isOpen = batch === -1 || batch === 1 || batch === steps;
  if (folded === 0) {
    const makesBatch = isOpen && steps > 1 && sizeOf(target) === sizeOf(each) && !target.includes(-1);
    return makesBatch ? made(1, 1, target) : same;
  }
  const [first, ...rest] = target;
  const isSplit = first === steps || (first === -1 && batch === 1);
  if (isSplit && (rest.includes(-1) || sizeOf(rest) === sizeOf(each))) return made(1, 0, rest);
  return isOpen ? made(1, 1, target) : same;
}
