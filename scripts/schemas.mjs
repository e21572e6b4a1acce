/** Writes the JSON Schemas of the documents that l2caf writes, from what its own readers check, into dist/schemas. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const dist = join(import.meta.dirname, '..', 'dist');
const documents = {
  analysis: ['analysis/document.js', 'analysisJsonSchema'],
  model: ['models/model-directory.js', 'modelJsonSchema'],
  'still-head': ['models/still-directory.js', 'stillHeadJsonSchema'],
  picture: ['stills/document.js', 'pictureJsonSchema'],
};
mkdirSync(join(dist, 'schemas'), { recursive: true });
for (const [name, [module, maker]] of Object.entries(documents)) {
  const { [maker]: schema } = await import(join(dist, module));
  writeFileSync(join(dist, 'schemas', `${name}.json`), `${JSON.stringify(schema(), null, 2)}\n`);
}
