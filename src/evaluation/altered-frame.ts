/** What the whole network makes of an event in one of whose frames the picture was altered. */
import type { FrameBatch } from '../base/types.ts';
import { EventNetwork } from '../models/event-network.ts';
import type { FeatureMaps, VideoModel } from '../models/video-model.ts';

/** An event on a network that can be run again. */
export interface RunEvent {
  readonly network: VideoModel;
  readonly frames: FrameBatch;
  /** Of these frames. */
  readonly maps: FeatureMaps;
  /** Name of the output that is measured. */
  readonly output: string;
}

/** Outputs of the whole network with other pictures `[h, w, 3]` in the place of one frame's, `[d]` for each. */
export async function outputsWithFrame(
  { network, frames, maps, output }: RunEvent,
  frame: number,
  pictures: readonly Uint8Array[],
): Promise<Float32Array[]> {
  const [, height, width] = frames.shape;
  const outputs: Float32Array[] = [];
  for (const picture of pictures) {
    // One frame through a network of single frames; all of them where it may mix them.
    const changed =
      network instanceof EventNetwork
        ? await withFrame(network, maps, frame, picture, [height, width])
        : await network.features({ ...frames, rgb: withPicture(frames.rgb, frame, picture) });
    const tail = network.tail(changed, output);
    outputs.push(tail.reference);
    tail.dispose();
  }
  return outputs;
}

/** The picture of one frame, `[h, w, 3]`, which it shares memory with. */
export function pictureOf({ rgb, shape: [, height, width] }: FrameBatch, frame: number): Uint8Array {
  const size = height * width * 3;
  return rgb.subarray(frame * size, (frame + 1) * size);
}

function withPicture(rgb: Uint8Array, frame: number, picture: Uint8Array): Uint8Array {
  const changed = rgb.slice();
  changed.set(picture, frame * picture.length);
  return changed;
}

async function withFrame(
  network: EventNetwork,
  maps: FeatureMaps,
  frame: number,
  rgb: Uint8Array,
  [height, width]: readonly [number, number],
): Promise<FeatureMaps> {
  const { data: own } = await network.features({ rgb, shape: [1, height, width, 3], timestampsSec: [0] });
  const data = maps.data.slice();
  data.set(own, frame * own.length);
  return { data, shape: maps.shape };
}
