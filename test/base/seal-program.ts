/** A program that writes tables into a folder, one after another: FOLDER PREFIX COUNT. */
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/base/files.ts';

const [folder, prefix, count] = process.argv.slice(2) as [string, string, string];
for (let i = 0; i < Number(count); i++) await writeFileAtomically(join(folder, `${prefix}${i}.csv`), `${i}\n`);
