/** Frames that are seen four times, each time moved by a quarter of a cell: what finer maps are found on. */
import type { FrameBatch, GridShape } from '../base/types.ts';
import { VIEW_OFFSETS } from '../l2caf/woven.ts';
import type { FeatureMaps, VideoModel } from '../models/video-model.ts';

/** The maps of frames, and of their views. Throws as `features`. */
export async function featuresOfViews(
  network: Pick<VideoModel, 'features' | 'grid'>,
  frames: FrameBatch,
): Promise<FeatureMaps> {
  const maps = await network.features(frames);
  const views: FeatureMaps[] = [];
  for (const view of viewsOf(frames, network.grid)) views.push(await network.features(view));
  return Object.assign(maps, { views }); // the same object, by which a network may know what else it saw
}

/** Frames of a network's input size as each of {@link VIEW_OFFSETS} shows them, to whole pixels. */
export function* viewsOf<T extends Pick<FrameBatch, 'rgb' | 'shape'>>(frames: T, grid: GridShape): Generator<T> {
  const [, height, width] = frames.shape;
  for (const { rows, columns } of VIEW_OFFSETS) {
    const [x, y] = [Math.round((columns * width) / grid.width), Math.round((rows * height) / grid.height)];
    yield { ...frames, rgb: moved(frames, x, y) };
  }
}

/** At each pixel that which lies `x` to its right and `y` below; beyond an edge the edge goes on. */
function moved(
  { rgb, shape: [count, height, width] }: Pick<FrameBatch, 'rgb' | 'shape'>,
  x: number,
  y: number,
): Uint8Array {
  const result = new Uint8Array(rgb.length);
  const within = (place: number, size: number): number => Math.min(size - 1, Math.max(0, place));
  const columns = Array.from({ length: width }, (_, column) => 3 * within(column + x, width));
  for (let frame = 0, to = 0; frame < count; frame++) {
    for (let row = 0; row < height; row++) {
      const from = 3 * (frame * height + within(row + y, height)) * width;
      for (const column of columns) {
        result[to++] = rgb[from + column]!;
        result[to++] = rgb[from + column + 1]!;
        result[to++] = rgb[from + column + 2]!;
      }
    }
  }
  return result;
}
