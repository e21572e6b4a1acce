/**
 * What can be asked for: names and what they mean, apart from the code that does it, so that a command can list them without
 * loading that.
 */
import { PRESET_NAMES } from '../l2caf/presets.ts';

/**
 * - `l2caf`: the size of the signed filter, as published; `l2caf-positive`: only the cells that argue for the output.
 * - `l2caf-paper`, `l2caf-pytorch`: as `l2caf`, where the descent of that preset stops.
 * - `l2caf-reinit`: as `l2caf`, of the same feature maps under a re-initialised LSTM and dense layer.
 * - `gradcam`, `gradcam-abs`: Eq. 4–7.
 * - `cam`: class activation maps, of networks of pictures that end in global average pooling and one dense layer.
 * - `rollout`: attention rollout, of transformers.
 * - `activation-norm`: length of the feature vector of each cell.
 * - `centre`: a Gaussian in the middle of the picture; `random`: uniform numbers.
 */
export const MAP_METHODS = [
  'l2caf',
  'l2caf-positive',
  'l2caf-paper',
  'l2caf-pytorch',
  'l2caf-reinit',
  'gradcam',
  'gradcam-abs',
  'cam',
  'rollout',
  'activation-norm',
  'centre',
  'random',
] as const;
/** See {@link MAP_METHODS}. */
export type MapMethod = (typeof MAP_METHODS)[number];

/**
 * Compared unless others are asked for: all but the released SGD preset, which takes a hundred times as long, and what only some
 * networks have.
 */
export const DEFAULT_METHODS: readonly MapMethod[] = MAP_METHODS.filter(
  (method) => !['l2caf-pytorch', 'cam', 'rollout'].includes(method),
);

/** What maps explain: the embedding, or the class that is the event's label. */
export const STUDY_TARGETS = ['oblivious', 'label'] as const;
/** See {@link STUDY_TARGETS}. */
export type StudyTarget = (typeof STUDY_TARGETS)[number];

/**
 * - `boxes`: a CSV file (`boxes-csv.ts`); pictures and masks lie beside it.
 * - `masks`: a folder with `images/NAME.*` and `masks/NAME.png`.
 * - `tiny-imagenet`: `images/` and `val_annotations.txt` (names of the classes in `words.txt` here or one folder up), or
 *   `boxes.csv` in place of both lists.
 * - `cub`: CUB-200-2011; masks where `segmentations/` is there.
 * - `cars`: Stanford Cars, its test pictures: `cars_test/` and the annotations, the MATLAB files of the devkit
 *   (`cars_test_annos_withlabels.mat`, `cars_meta.mat`) or their CSV form, `anno_test.csv` (file, x1, y1, x2, y2, class)
 *   with `names.csv`.
 * - `ilsvrc`: the validation pictures of ILSVRC 2012 and their boxes (`ilsvrc.ts`).
 */
export const STILL_FORMATS = ['boxes', 'masks', 'tiny-imagenet', 'cub', 'cars', 'ilsvrc'] as const;
/** See {@link STILL_FORMATS}. */
export type StillFormat = (typeof STILL_FORMATS)[number];

const OBJECTIVES = ['class', 'oblivious'] as const;

/**
 * - `l2caf-class`, `l2caf-oblivious`: size of the optimal filter for the class (Eq. 2) or all outputs (Eq. 1);
 *   `…-positive`: only its cells that argue for them; `…-fine`: finer maps, of four views of the picture; `…-PRESET`: where the descent of that preset stops.
 * - `gradcam`, `gradcam-abs`, `cam`: of the class; `acol`: fused from the two branches of such a network. - `activation-norm`, `centre`, `random`: as in `baseline-maps.ts`.
 */
export const STILL_METHODS: readonly string[] = [
  ...OBJECTIVES.flatMap((objective) => [
    `l2caf-${objective}`,
    `l2caf-${objective}-positive`,
    `l2caf-${objective}-fine`,
  ]),
  ...OBJECTIVES.flatMap((objective) => PRESET_NAMES.map((preset) => `l2caf-${objective}-${preset}`)),
  'gradcam',
  'gradcam-abs',
  'cam',
  'acol',
  'activation-norm',
  'centre',
  'random',
];

/**
 * Compared unless others are asked for: all but the finer maps, the descents, which take a hundred times as long, and what only
 * some networks have.
 */
export const DEFAULT_STILL_METHODS: readonly string[] = STILL_METHODS.filter(
  (method) =>
    !['cam', 'acol'].includes(method) && !['fine', ...PRESET_NAMES].some((variant) => method.endsWith(`-${variant}`)),
);

/** Frames that show less of the object are left out, pixels. */
export const MIN_OBJECT_PX = 50;

/** Mask value by label, in the masks that CamVid was reduced to (11 classes). */
export const CAMVID_CLASSES: ReadonlyMap<string, number> = new Map([
  ['signal', 6],
  ['vehicle', 8],
  ['pedestrian', 9],
  ['cyclist', 10],
]);
