/** The one check that files of a model belong together. */
import { L2cafError } from '../base/errors.ts';
import { sha256OfFile } from '../base/files.ts';

/**
 * Checks the SHA-256 of a file against what the model's description says.
 *
 * @param manifest the name of that description
 * @throws L2cafError `weights-invalid` for another file
 */
export async function expectHash(path: string, expected: string, manifest: string): Promise<void> {
  const actual = await sha256OfFile(path);
  if (actual === expected) return;
  throw new L2cafError('weights-invalid', `${path} has SHA-256 ${actual}, ${manifest} says ${expected}`, {
    hint: 'the files do not belong together: copy or train the model again',
  });
}
