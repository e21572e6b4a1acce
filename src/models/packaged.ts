/** The trained heads that come with l2caf, and how a model is named: by the name of one of these, or by its folder. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { L2cafError } from '../base/errors.ts';
import { exists } from '../base/files.ts';

/** The packaged model that is used unless another is named. */
export const DEFAULT_MODEL = 'driving';

const PACKAGED_FOLDER = fileURLToPath(new URL('../../models/', import.meta.url));

/** Names of the packaged models. */
export async function packagedModels(): Promise<string[]> {
  const entries = await readdir(PACKAGED_FOLDER, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/**
 * The folder of a model: `name` itself if it is a folder with a model, else the packaged model of that name.
 *
 * @throws L2cafError `model-unknown` when it is neither, in words of its own for a file.
 */
export async function findModel(name: string): Promise<string> {
  for (const folder of [name, join(PACKAGED_FOLDER, name)]) {
    if (await isModel(folder)) return folder;
  }
  const there = await stat(name).catch(() => undefined);
  if (there?.isFile()) {
    throw new L2cafError('model-unknown', `${name} is no network that can be read`, {
      hint: 'networks are ONNX (.onnx), Keras (.keras, .h5) or TensorFlow.js (model.json) files; docs/networks.md shows exports',
    });
  }
  const missing = there ? `there is no model in the folder ${name}` : `there is no model named ${name}`;
  throw new L2cafError('model-unknown', missing, {
    hint: `packaged models: ${(await packagedModels()).join(', ')}; l2caf train makes others`,
  });
}

/** Whether a folder holds a trained head for events. */
export function isModel(folder: string): Promise<boolean> {
  return exists(join(folder, 'model.json'));
}
