/** A clip, a list of its events, and a network of the user's to see them with, in folders of their own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TinyFolder } from '../models/onnx/tiny-folder.ts';
import { cnnLstm } from '../models/onnx/tiny-networks.ts';
import { makeClip } from '../support/clips.ts';

/** See the top of the file. Remove it when done. */
export interface NetworkDrive {
  readonly networks: TinyFolder;
  /** Holds `drive.mp4` and `events.csv`. */
  readonly folder: string;
  readonly clip: string;
  readonly model: string;
  remove(): Promise<void>;
}

/** @param rows events of `drive.mp4`, six seconds long: `id,video,start,end` */
export async function makeNetworkDrive(rows: readonly string[]): Promise<NetworkDrive> {
  const networks = await TinyFolder.make();
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-network-drive-'));
  const clip = await makeClip(join(folder, 'drive.mp4'), { frames: 60, rate: '10', width: 64, height: 48 });
  const model = await networks.write(cnnLstm(), 'pilot');
  await writeFile(join(folder, 'events.csv'), `id,video,start,end\n${rows.join('\n')}\n`);
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true });
    await networks.remove();
  };
  return { networks, folder, clip, model, remove };
}
