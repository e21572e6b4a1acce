/** Golden case: boxes, box accuracies and PxAP of score maps, as the WSOL evaluation study's own code computes them. */
import {
  type Box,
  boxOverlaps,
  countPixels,
  mapScores,
  maxBoxAccuracy,
  noPixels,
  pixelAveragePrecision,
  THRESHOLD_STEP,
} from '../../src/evaluation/wsol.ts';
import type { Check, GoldenData } from './case.ts';
import { check, checkClose, shapeOf, tensorOf } from './checks.ts';

const TOLERANCE = 1e-6;

/** Accuracies in percent by IoU threshold, and IoUs `[maps, thresholds]`, the thresholds in the entry's name. */
type PublishedBoxes = Readonly<Record<string, number | readonly (readonly number[])[]>>;

interface WsolJson {
  readonly cam_threshold_step: number;
  readonly MaxBoxAcc: PublishedBoxes;
  readonly MaxBoxAccV2: PublishedBoxes;
  readonly PxAP: number;
}

/** Checks one `wsol-*` pair of files. The masks of PxAP are the boxes without the pixels they end at. */
export async function wsolCase(data: GoldenData): Promise<readonly Check[]> {
  const json = data.json as WsolJson;
  const [count, height, width] = shapeOf(data, 'scoremaps') as [number, number, number];
  const [maps, boxes] = [tensorOf(data, 'scoremaps'), tensorOf(data, 'boxes')];
  const counts = noPixels();
  const overlaps = Array.from({ length: count }, (_, i) => {
    const scores = mapScores({ height, width, values: maps.slice(i * height * width, (i + 1) * height * width) });
    const box: Box = [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!];
    const { inside, outside } = countPixels(scores, maskOf(box, width, height));
    inside.forEach((pixels, bin) => {
      counts.inside[bin]! += pixels;
      counts.outside[bin]! += outside[bin]!;
    });
    return boxOverlaps(scores, [box]);
  });
  return [
    check('threshold step', Math.abs(json.cam_threshold_step - THRESHOLD_STEP), 0),
    ...checkBoxes(
      'MaxBoxAcc',
      overlaps.map(({ largest }) => largest),
      json.MaxBoxAcc,
    ),
    ...checkBoxes(
      'MaxBoxAccV2',
      overlaps.map(({ all }) => all),
      json.MaxBoxAccV2,
    ),
    check('PxAP', Math.abs(100 * pixelAveragePrecision(counts) - json.PxAP), TOLERANCE),
  ];
}

function checkBoxes(name: string, overlaps: readonly Float64Array[], published: PublishedBoxes): Check[] {
  const ious = Object.keys(published).filter((key) => /^\d+$/.test(key));
  const ours = ious.map((iou) => 100 * maxBoxAccuracy(overlaps, Number(iou) / 100));
  const mean = ours.reduce((sum, value) => sum + value, 0) / ours.length;
  return [...ious, 'mean']
    .map((key, i) => check(`${name} ${key}`, Math.abs((ours[i] ?? mean) - (published[key] as number)), TOLERANCE))
    .concat(
      Object.entries(published).flatMap(([key, rows]) => {
        if (typeof rows === 'number') return [];
        const shown = key.split('_').map(Number).filter(Number.isFinite);
        const own = overlaps.flatMap((overlap) =>
          shown.map((threshold) => overlap[Math.round(threshold / THRESHOLD_STEP)]!),
        );
        return [checkClose(`${name} IoU`, own, Float32Array.from(rows.flat()), TOLERANCE)];
      }),
    );
}

function maskOf([left, top, right, bottom]: Box, width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Number(x >= left && x < right && y >= top && y < bottom);
  });
}
