/** Whether a network says the same of the same input twice: filters of one that does not would explain its chance. */
import { L2cafError } from '../../base/errors.ts';
import { invalid } from './file.ts';
import { EVAL } from './graph.ts';
import { floatsOf, isFloating, type OnnxSession, type OnnxTensor } from './runtime.ts';

/** A run that is to be repeated. */
interface FirstRun {
  /** The network's file, for messages. */
  readonly path: string;
  readonly feeds: Readonly<Record<string, OnnxTensor>>;
  readonly outputs: readonly string[];
  /** What came out the first time. */
  readonly seen: ReadonlyMap<string, OnnxTensor>;
}

/**
 * Runs a network again.
 *
 * @throws L2cafError `usage` when outputs are not real numbers; `model-invalid` when they differ from the first time
 */
export async function expectSameAgain(session: OnnxSession, { feeds, ...first }: FirstRun): Promise<void> {
  expectSame(first, await session.run(feeds, first.outputs));
}

/** Throws as {@link expectSameAgain} for what came out the second time. */
export function expectSame(
  { path, outputs, seen }: Omit<FirstRun, 'feeds'>,
  again: Readonly<Record<string, OnnxTensor>>,
): void {
  for (const name of outputs) {
    const once = seen.get(name)!;
    if (!isFloating(once)) {
      throw new L2cafError(
        'usage',
        `the output ${name} is not of real numbers (${once.type}): it cannot be explained`,
        {
          hint: 'name another tensor with --explain, such as the scores it is made from',
        },
      );
    }
    const [before, now] = [floatsOf(once), floatsOf(again[name]!)];
    if (before.every((value, i) => Object.is(value, now[i]))) continue;
    throw invalid(path, `its output ${name} differs from one run to the next on the same input`, `${EVAL}; ${CHANCE}`);
  }
}

const CHANCE = 'there is dropout or other chance in it';

/**
 * The numbers of an output.
 *
 * @throws L2cafError `model-invalid` when one is not a number
 */
export function expectNumbers(path: string, name: string, output: OnnxTensor): Float32Array {
  const values = floatsOf(output);
  if (values.every(Number.isFinite)) return values;
  throw invalid(
    path,
    `its output ${name} is not a number`,
    'check how pictures are given to it (--norm), and its weights',
  );
}
