/**
 * Where tests find data that is not part of the project: reference numbers and real clips beside the checkout. Tests that
 * need them skip, visibly, where they are absent.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Folder of reference numbers (`L2CAF_GOLDEN`), or undefined. */
export const goldenFolder: string | undefined = existing(process.env['L2CAF_GOLDEN'] ?? '../shared/golden');

/** Folder of real clips and pictures (`L2CAF_DATA`), or undefined. */
export const dataFolder: string | undefined = existing(process.env['L2CAF_DATA'] ?? '../shared/data');

function existing(folder: string): string | undefined {
  const path = resolve(import.meta.dirname, '..', '..', folder);
  return existsSync(path) ? path : undefined;
}
