/** `npm run results`: writes docs/results.md from bench/results.md and bench/results/*.json. */
import { join } from 'node:path';
import { writeFileAtomically } from '../src/base/files.ts';
import { resultsPage } from './results.ts';
import { root } from './support.ts';

await writeFileAtomically(join(root, 'docs', 'results.md'), await resultsPage());
