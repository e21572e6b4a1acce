/** Golden cases: whole networks as ONNX files, each exported in several ways; certified filters and Grad-CAM maps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measuredGradCam } from '../../src/l2caf/measured-gradcam.ts';
import { bindObjective, type Objective } from '../../src/l2caf/objective.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import type { MapTail } from '../../src/l2caf/tail.ts';
import { parseLayout } from '../../src/models/layout.ts';
import { CutNetwork, type Feeds } from '../../src/models/onnx/cut-network.ts';
import { readOnnx } from '../../src/models/onnx/file.ts';
import { graphOf } from '../../src/models/onnx/graph.ts';
import { type NamedArray, readSafetensors } from '../../src/models/safetensors.ts';
import type { Check } from './case.ts';
import { check } from './checks.ts';

interface NetworkProblem {
  readonly objective: 'oblivious' | 'class';
  readonly classIndex: number | null;
  readonly tensor: string;
  readonly loss: number;
  readonly lossEqualFilter: number;
  readonly gradientNorm: number;
  readonly smallestCurvature: number;
  readonly runs: number;
  readonly reachedBest: number;
  /** Losses that the runs ended at, and how many did. */
  readonly minima: readonly (readonly [loss: number, runs: number])[];
}

interface NetworkSlot {
  readonly kind: 'slice' | 'volume';
  readonly index?: number | null;
  readonly problems: readonly NetworkProblem[];
  readonly gradcam: readonly {
    readonly target: 'class' | 'embedding';
    readonly classIndex: number | null;
    readonly tensor: string;
  }[];
}

interface NetworkCase {
  readonly models: readonly {
    readonly file: string;
    readonly inputs: readonly string[];
    readonly output: string;
    readonly layer: string;
  }[];
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly layer: {
    readonly layout: string;
    readonly grid: { readonly t: number; readonly h: number; readonly w: number };
  };
  readonly slots: readonly NetworkSlot[];
}

/** Losses of smooth minima, of others, filters and maps: see the golden folder's own README. */
const TOLERANCE = { smooth: 1e-4, kinked: 0.03, cosine: 1e-3, gradCam: 0.02, tensor: 1e-4 };

/** Starting points where the first does not reach what the reference's own did. */
const STARTS = 8;

/** Checks one folder of networks. */
export async function networkCase(folder: string): Promise<readonly Check[]> {
  const json = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')) as NetworkCase;
  const { tensors } = await readSafetensors(join(folder, 'tensors.safetensors'));
  const checks: Check[] = [];
  for (const [place, model] of json.models.entries()) {
    const network = await openGolden(folder, json, model);
    const label = (name: string): string => `${model.file} ${name}`;
    try {
      const event = await network.run(feedsOf(json, tensors, 1));
      checks.push(relative(label('layer'), event.layer, tensors.get('layer')!.data));
      checks.push(relative(label('output'), event.outputs.get(model.output)!, tensors.get('output')!.data));
      for (const slot of json.slots) {
        const tail = network.tail(event, model.output, slot.kind);
        const found = place === 0 ? await slotChecks(tail, slot, tensors) : await sameLosses(tail, slot, tensors);
        for (const one of found) checks.push({ ...one, name: label(one.name) });
      }
    } finally {
      network.dispose();
    }
  }
  return checks;
}

/** The network of one file, cut where the case says. */
export async function openGolden(
  folder: string,
  json: NetworkCase,
  model: NetworkCase['models'][number],
): Promise<CutNetwork> {
  const { tensors } = await readSafetensors(join(folder, 'tensors.safetensors'));
  const { t, h, w } = json.layer.grid;
  return CutNetwork.open(graphOf(await readOnnx(join(folder, model.file))), {
    layer: model.layer,
    layout: parseLayout(json.layer.layout),
    outputs: [model.output],
    example: (events) => feedsOf(json, tensors, events),
    known: { t, grid: { height: h, width: w }, aspect: w / h },
  });
}

function feedsOf({ inputs }: NetworkCase, tensors: ReadonlyMap<string, NamedArray>, events: number): Feeds {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, dims]) => {
      const { data } = tensors.get(`input.${name}`)!;
      const all = new Float32Array(data.length * events);
      for (let i = 0; i < events; i++) all.set(data, i * data.length);
      return [name, { type: 'float32', dims: [dims[0]! * events, ...dims.slice(1)], data: all }];
    }),
  );
}

async function slotChecks(
  tail: MapTail,
  slot: NetworkSlot,
  tensors: ReadonlyMap<string, NamedArray>,
): Promise<Check[]> {
  const at = slot.kind === 'volume' ? 0 : slot.index!;
  const checks: Check[] = [];
  for (const problem of slot.problems) {
    const isSmooth = problem.gradientNorm < 1e-6 && problem.smallestCurvature > 0;
    const isOne = isSmooth && problem.reachedBest === problem.runs;
    const scale = problem.objective === 'class' ? problem.lossEqualFilter - problem.loss : problem.loss;
    // Where a single run of the reference's reached its best, another's is as good as half of its runs.
    const isLucky = problem.reachedBest === 1 && problem.runs > 2;
    const lucky = isLucky ? (medianOf(problem.minima) - problem.loss) / Math.abs(scale) : 0;
    const tolerance = Math.max(isSmooth ? TOLERANCE.smooth : TOLERANCE.kinked, lucky);
    const solve = async (starts: number) => {
      const { filters } = await solveFilters(tail, { slots: [at], objective: objectiveOf(problem), starts });
      const { loss, values } = filters[0]!;
      // Where nearly nothing is lost, such as behind a LayerNorm, the rest is rounding.
      return { values, above: (loss - problem.loss) / Math.max(Math.abs(scale), 1e-4 * problem.lossEqualFilter, 1e-5) };
    };
    const once = await solve(1);
    const isEnough = once.above <= tolerance || isOne;
    const { above, values } = isEnough ? once : await solve(STARTS);
    const from = isEnough ? '' : `, from ${STARTS} starts`;
    checks.push(check(`${problem.tensor} loss above the best (relative)${from}`, above, tolerance));
    if (isOne && above > -TOLERANCE.smooth) {
      const off = 1 - cosine(values, tensors.get(problem.tensor)!.data);
      checks.push(check(`${problem.tensor} filter (1 − cosine)`, off, TOLERANCE.cosine));
    }
  }
  for (const { target, classIndex, tensor } of slot.gradcam) {
    const wanted =
      target === 'class' ? ({ kind: 'class', index: classIndex! } as const) : ({ kind: 'embedding' } as const);
    const [map] = await measuredGradCam(tail, wanted, 'abs', [at]);
    const golden = tensors.get(tensor)!.data.map(Math.abs);
    checks.push(check(`${tensor} (1 − cosine)`, 1 - cosine(map!.values, golden), TOLERANCE.gradCam));
  }
  return checks;
}

/** The loss that the middle one of the runs ended at. */
function medianOf(minima: NetworkProblem['minima']): number {
  const losses = minima.flatMap(([loss, runs]) => new Array<number>(runs).fill(loss)).sort((a, b) => a - b);
  return losses[(losses.length - 1) >> 1]!;
}

/** Other exports of a network that has been solved: the certified filters have the same losses. */
async function sameLosses(
  tail: MapTail,
  slot: NetworkSlot,
  tensors: ReadonlyMap<string, NamedArray>,
): Promise<Check[]> {
  const at = slot.kind === 'volume' ? 0 : slot.index!;
  const checks: Check[] = [];
  for (const problem of slot.problems) {
    const output = await tail.evaluate(tensors.get(problem.tensor)!.data, [at]);
    const { loss } = bindObjective(objectiveOf(problem), tail, 'sum').lossOf(Float64Array.from(output));
    const size = tail.reference.reduce((sum, value) => sum + value ** 2, 0);
    const off = Math.abs(loss - problem.loss) / Math.max(Math.abs(problem.loss), 1e-2 * size);
    checks.push(check(`${problem.tensor} loss of the golden filter (relative)`, off, TOLERANCE.smooth));
  }
  return checks;
}

function objectiveOf({ objective, classIndex }: NetworkProblem): Objective {
  return objective === 'class' ? { kind: 'class', index: classIndex! } : { kind: 'oblivious' };
}

function relative(name: string, ours: Float32Array, golden: Float32Array): Check {
  const largest = golden.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = golden.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (ours[i] ?? Number.NaN))), 0);
  return check(`${name} (relative)`, ours.length === golden.length ? off / largest : Number.NaN, TOLERANCE.tensor);
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}
