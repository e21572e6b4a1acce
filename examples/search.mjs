/** Which events of a list look most like a stretch of a clip: embeddings, compared by their cosine. */
import { basename } from 'node:path';
import { openClip } from 'l2caf';
import { readEvents } from 'l2caf/events';
import { DEFAULT_MODEL } from 'l2caf/models';
import { openEmbedder } from 'l2caf/retrieval';

const [list = 'fixtures/clips/events.csv', video = 'fixtures/clips/cyclist.mp4'] = process.argv.slice(2);

const embedder = await openEmbedder(DEFAULT_MODEL, { backend: 'auto' });
const events = await readEvents(list);
const { clip, span } = await openClip(video, {});
const query = { id: basename(video), video, clip, span, label: '', split: /** @type {const} */ ('test') };
const [own, ...others] = await embedder.embed(await embedder.plan([query, ...events]));

const cosine = (/** @type {Float32Array} */ a, /** @type {Float32Array} */ b) =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0) / (Math.hypot(...a) * Math.hypot(...b));
const found = events.map(({ id, label }, i) => ({
  id,
  label,
  similarity: own && others[i] ? cosine(own, others[i]) : 0,
}));
found.sort((a, b) => b.similarity - a.similarity);
for (const { id, label, similarity } of found.slice(0, 5)) console.log(similarity.toFixed(3), id, label);
