/** `npm run bench -- NAME`: runs one benchmark; each is a file of this folder that exports `run`. */
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';

/** The files that are no benchmark. */
const SHARED = ['run', 'support', 'results', 'compose', 'study', 'other-things', 'still-directions', 'paper-networks'];

const [name, ...args] = process.argv.slice(2);
const files = await readdir(import.meta.dirname);
const names = files
  .filter((file) => file.endsWith('.ts'))
  .map((file) => basename(file, '.ts'))
  .filter((name) => !SHARED.includes(name));
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [options]\nbenchmarks: ${names.join(', ')}`);
  process.exit(2);
}
const { run } = (await import(`./${name}.ts`)) as { run: (args: readonly string[]) => Promise<void> };
await run(args);
