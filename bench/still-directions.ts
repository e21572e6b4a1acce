/** Tables of what trained heads for still pictures did: where maps lie, what tuning costs and gains, whether the paper's directions hold. */
import { bootstrap, type Estimate } from '../src/evaluation/bootstrap.ts';
import { showEstimate } from '../src/evaluation/figure-table.ts';
import type { Answer } from '../src/evaluation/still-measure.ts';
import { maxBoxAccuracy } from '../src/evaluation/wsol.ts';
import type { ResultTable } from './results.ts';

/** Of the boxes of GT-known. */
export const LEVEL = 0.2;

/** How one map lies on the object. */
export interface MapScore {
  /** Whether the box at {@link LEVEL} fits. */
  readonly isFit: boolean;
  /** Overlap of the largest region's box at each threshold. */
  readonly largest: Float64Array;
}

/** What one head did on a picture. */
export interface PictureOutcome {
  readonly answer: Answer;
  readonly maps: ReadonlyMap<string, MapScore>;
}

/** What heads of one kind did: for each seed, an outcome per picture. */
export interface Runs {
  readonly seeds: readonly (readonly PictureOutcome[])[];
  /** Seconds that each training took, features apart. */
  readonly seconds: readonly number[];
}

/** The heads that are compared, each on the frozen trunk and with its last stage fine-tuned. */
export const CLASS_HEADS = ['gap', 'acol', 'adl'] as const;
/** See {@link CLASS_HEADS}. */
export const RETRIEVAL_HEADS = ['triplet', 'npair'] as const;
/** What of the trunk learns. */
export const TRUNKS = ['frozen', 'fine-tuned'] as const;
type HeadName = (typeof CLASS_HEADS)[number] | (typeof RETRIEVAL_HEADS)[number];
type TrunkName = (typeof TRUNKS)[number];

/** Runs by head and by what of the trunk learns. */
export class AllRuns {
  readonly #runs = new Map<string, Runs>();

  /** Adds a run of the next seed. */
  add(head: HeadName, trunk: TrunkName, outcomes: readonly PictureOutcome[], seconds: number): void {
    const { seeds, seconds: known } = this.#runs.get(`${head} ${trunk}`) ?? { seeds: [], seconds: [] };
    this.#runs.set(`${head} ${trunk}`, { seeds: [...seeds, outcomes], seconds: [...known, seconds] });
  }

  /** Those of a head. */
  of(head: HeadName, trunk: TrunkName): Runs {
    return this.#runs.get(`${head} ${trunk}`)!;
  }
}

/** A figure of the pictures of one seed. */
type Figure = (pictures: readonly PictureOutcome[]) => number;

const share = (pictures: readonly PictureOutcome[], is: (one: PictureOutcome) => boolean | undefined): number => {
  const known = pictures.map(is).filter((value) => value !== undefined);
  return known.filter(Boolean).length / known.length;
};
const right = ({ answer: { isTop1, isNearestRight } }: PictureOutcome): boolean | undefined => isTop1 ?? isNearestRight;
const accuracy: Figure = (pictures) => share(pictures, right);
const box =
  (method: string): Figure =>
  (pictures) =>
    share(pictures, ({ maps }) => maps.get(method)!.isFit);
const rightBox =
  (method: string): Figure =>
  (pictures) =>
    share(pictures, (one) => right(one) && one.maps.get(method)!.isFit);
const maxBox =
  (method: string): Figure =>
  (pictures) =>
    maxBoxAccuracy(
      pictures.map(({ maps }) => maps.get(method)!.largest),
      0.5,
    );

/** Something of runs, to be compared. */
interface Side {
  readonly runs: Runs;
  readonly figure: Figure;
}

/** The mean over seeds of a figure, less that of another where there is one; the interval over pictures, those of all seeds of a picture together. */
function estimate({ runs, figure }: Side, less?: Side): Estimate {
  const mean = (side: Side, indices: readonly number[]): number => {
    const values = side.runs.seeds.map((own) => side.figure(indices.map((i) => own[i]!)));
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const statistic = (indices: readonly number[]): number =>
    mean({ runs, figure }, indices) - (less ? mean(less, indices) : 0);
  return bootstrap(runs.seeds[0]!.length, statistic, { seed: 0 });
}

const shown = (side: Side, less?: Side): string => showEstimate(estimate(side, less), 3);

const NOTE = `Mean over seeds; 95 % intervals by bootstrap over pictures. Box: of the largest region above ${LEVEL} of the map's range; MaxBoxAcc: above the level that is best for the method.`;

/** Where the maps of heads lie, with the accuracy beside. */
export function mapsTable(all: AllRuns, heads: readonly HeadName[], title: string): ResultTable {
  const isClasses = heads.some((head) => (CLASS_HEADS as readonly string[]).includes(head));
  const rows = heads.flatMap((head) =>
    TRUNKS.flatMap((trunk) => {
      const runs = all.of(head, trunk);
      return [...runs.seeds[0]![0]!.maps.keys()].map((method) => [
        ...[head, trunk, method],
        ...[accuracy, rightBox(method), box(method), maxBox(method)].map((figure) => shown({ runs, figure })),
      ]);
    }),
  );
  const figures = isClasses ? ['class top-1', 'top-1 and box', 'GT-known'] : ['R@1', 'R@1 and box', 'box'];
  return {
    title,
    columns: [isClasses ? 'head' : 'loss', 'trunk', 'maps', ...figures, 'MaxBoxAcc'],
    rows,
    notes: [NOTE],
  };
}

/** The map that a head is made for. */
const OWN_MAP: Readonly<Record<HeadName, string>> = {
  ...{ gap: 'cam', acol: 'acol', adl: 'cam' },
  ...{ triplet: 'l2caf-oblivious', npair: 'l2caf-oblivious' },
};

/** Each head before and after tuning: what it knows, where its own map lies, how long it takes. */
export function tuningTable(all: AllRuns): ResultTable {
  const rows = [...CLASS_HEADS, ...RETRIEVAL_HEADS].map((head) => {
    const [before, after] = TRUNKS.map((trunk) => all.of(head, trunk)) as [Runs, Runs];
    const change = (figure: Figure): string[] => {
      const [a, b] = [before, after].map((runs) => estimate({ runs, figure }).value.toFixed(3));
      return [`${a} → ${b}`, shown({ runs: after, figure }, { runs: before, figure })];
    };
    const seconds = [before, after].map(({ seconds: own }) =>
      (own.reduce((sum, one) => sum + one, 0) / own.length).toFixed(0),
    );
    const method = OWN_MAP[head];
    return [head, ...change(accuracy), method, ...change(box(method)), ...change(maxBox(method)), seconds.join(' → ')];
  });
  return {
    title: 'What fine-tuning the last stage costs and gains: frozen → fine-tuned',
    columns: [...['head', 'top-1 or R@1', 'change', 'its map', 'box', 'change', 'MaxBoxAcc', 'change'], 'training, s'],
    rows,
    notes: [NOTE],
  };
}

interface Direction {
  readonly name: string;
  readonly more: readonly [HeadName, Figure];
  readonly less: readonly [HeadName, Figure];
}

/** Differences that the paper, or those of ACoL and ADL, foretell to be positive. */
const DIRECTIONS: readonly Direction[] = [
  ...([box, maxBox] as const).flatMap((lies, i): Direction[] => {
    const what = ['box', 'MaxBoxAcc'][i]!;
    return [
      { name: `gap: ${what} of L2-CAF less CAM`, more: ['gap', lies('l2caf-class')], less: ['gap', lies('cam')] },
      {
        name: `${what} of ACoL's fused map less CAM on gap`,
        more: ['acol', lies('acol')],
        less: ['gap', lies('cam')],
      },
      { name: `${what} of CAM on ADL less CAM on gap`, more: ['adl', lies('cam')], less: ['gap', lies('cam')] },
      {
        name: `triplet: ${what} of L2-CAF less Grad-CAM`,
        more: ['triplet', lies('l2caf-oblivious')],
        less: ['triplet', lies('gradcam')],
      },
      {
        name: `N-pair: ${what} of L2-CAF less Grad-CAM`,
        more: ['npair', lies('l2caf-oblivious')],
        less: ['npair', lies('gradcam')],
      },
      {
        name: `${what} of L2-CAF, N-pair less triplet`,
        more: ['npair', lies('l2caf-oblivious')],
        less: ['triplet', lies('l2caf-oblivious')],
      },
    ];
  }),
  { name: 'class top-1 of gap less ACoL', more: ['gap', accuracy], less: ['acol', accuracy] },
  { name: 'class top-1 of gap less ADL', more: ['gap', accuracy], less: ['adl', accuracy] },
  { name: 'R@1 of N-pair less triplet', more: ['npair', accuracy], less: ['triplet', accuracy] },
];

/** Whether they are. */
export function directionsTable(all: AllRuns): ResultTable {
  const rows = DIRECTIONS.map(({ name, more, less }) => [
    name,
    ...TRUNKS.flatMap((trunk) => {
      const [a, b] = [more, less].map(([head, figure]): Side => ({ runs: all.of(head, trunk), figure })) as [
        Side,
        Side,
      ];
      const found = estimate(a, b);
      const ahead = a.runs.seeds.filter((own, seed) => a.figure(own) > b.figure(b.runs.seeds[seed]!)).length;
      const verdict = found.low > 0 ? 'yes' : found.high < 0 ? 'no, the contrary' : 'not told apart';
      return [showEstimate(found, 3), verdict, `${ahead} of ${a.runs.seeds.length}`];
    }),
  ]);
  return {
    title: 'What is foretold to be more than 0',
    columns: ['difference', ...TRUNKS.flatMap((trunk) => [trunk, 'holds', 'seeds with more'])],
    rows,
    notes: [NOTE],
  };
}
