/**
 * A process that runs cases, one after another as it is told. Whatever happens to it is a finding of the case that it was
 * running: it may hang or end, its parent starts another one. Temporary files, the working folder and the home belong to
 * it alone, so that whatever is left there is seen.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { runCase } from './fuzz.ts';
import type { FuzzCase, FuzzModule } from './kind.ts';

const [moduleUrl, prepared, own, seed] = process.argv.slice(2) as [string, string, string, string];
const around = join(own, 'around');
for (const name of ['work', 'tmp', 'home']) await mkdir(join(around, name), { recursive: true });
process.chdir(join(around, 'work'));
Object.assign(process.env, { TMPDIR: join(around, 'tmp'), HOME: join(around, 'home'), XDG_CACHE_HOME: '' });
const { fuzzKinds } = (await import(moduleUrl)) as FuzzModule;
const kinds = await fuzzKinds(prepared);

process.once('disconnect', () => process.exit());
process.on('message', async ({ kind: name, index }: FuzzCase) => {
  const kind = kinds.find((each) => each.name === name)!;
  process.send!(await runCase(kind, Number(seed), index, join(own, `${name}-${index}`), [around, prepared]));
});
process.send!('ready');
