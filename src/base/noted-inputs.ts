/** What this process reads, by device and inode, in a program that guards its outputs (`output.ts`): it is never replaced. */
import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

let inputs: Map<string, string> | undefined;

/** Notes inputs from now on. */
export function noteInputs(): void {
  inputs ??= new Map();
}

/** Whether inputs are noted. */
export function areInputsNoted(): boolean {
  return inputs !== undefined;
}

/** Remembers a file that is read, where inputs are noted: it is not to be replaced. */
export function noteInput(path: string): void {
  if (inputs === undefined) return;
  try {
    const info = statSync(path, { bigint: true });
    if (info.isFile()) inputs.set(identityOf(info), path);
  } catch {
    // Whoever reads it says what is wrong.
  }
}

/**
 * The input that a file is, whatever it is called; undefined for what is none.
 *
 * @param sources further inputs
 */
export async function inputThatIs(info: BigIntStats, sources: readonly string[]): Promise<string | undefined> {
  const identity = identityOf(info);
  const noted = inputs?.get(identity);
  for (const path of noted === undefined ? sources : [...sources, noted]) {
    const other = await stat(path, { bigint: true }).catch(() => undefined); // it may be gone, and its number in use again
    if (other !== undefined && identityOf(other) === identity) return path;
  }
  return undefined;
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev} ${ino}`;
}
