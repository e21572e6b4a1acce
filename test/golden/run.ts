/**
 * `npm run golden -- DIR`: reproduces the golden numbers of a folder and prints one line per check. Exit code 0 when all
 * hold, 1 when one does not, 2 when there is nothing to check.
 */
import process from 'node:process';
import { messageOf } from '../../src/base/errors.ts';
import { useBackend } from '../../src/models/backend.ts';
import { listGolden, runGolden } from './golden.ts';

process.exitCode = await main(process.argv[2]);

async function main(folder: string | undefined): Promise<number> {
  const names = folder === undefined ? [] : await listGolden(folder);
  if (folder === undefined || names.length === 0) {
    console.error(folder === undefined ? 'usage: npm run golden -- DIR' : `no .safetensors files in ${folder}`);
    return 2;
  }
  await useBackend('wasm');
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const name of names) {
    const checks = await runGolden(folder, name).catch((error: unknown) => [failure(error)]);
    if (typeof checks === 'string') {
      console.log(`skip  ${name}: ${checks}`);
      counts.skipped++;
      continue;
    }
    for (const { name: what, error, tolerance, pass } of checks) {
      console.log(
        `${pass ? 'ok  ' : 'FAIL'}  ${name}: ${what}  ${error.toExponential(1)} (at most ${tolerance.toExponential(1)})`,
      );
      counts[pass ? 'passed' : 'failed']++;
    }
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} files skipped`);
  return counts.failed > 0 ? 1 : 0;
}

/** A case that could not be run at all. */
function failure(error: unknown) {
  return { name: messageOf(error), error: Number.NaN, tolerance: 0, pass: false };
}
