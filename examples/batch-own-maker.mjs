/**
 * A batch whose events are made your way: here one after another in this process, without worker processes. The batch keeps
 * what it does for everybody: a journal, so that a second run makes only what is missing, and the tables.
 */
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { analyzeEvent, drawAnalysisThumbnail, openModel, writeAnalysis } from 'l2caf';
import { Batch, describeModel, FILE_NAMES, figuresOf, isOpen, readBatchEvents, writeResults } from 'l2caf/batch';
import { framesAt } from 'l2caf/video';

const [list = 'fixtures/clips/events.csv', folder = 'events'] = process.argv.slice(2);

const choice = { backend: /** @type {const} */ ('auto') };
const analysis = { frames: 3, seed: 0, target: { kind: /** @type {const} */ ('oblivious') } };
const settings = { model: await describeModel(choice), analysis, draw: {}, outputs: [] };
const model = await openModel(choice);

/** @type {import('l2caf/batch').EventMaker} */
const maker = {
  eventsAtOnce: 1,
  async run({ facts, span }, into, outputs) {
    const startMs = performance.now();
    const found = await analyzeEvent(model, { clip: facts.clip, span, frames: 3, seed: 0 });
    await writeAnalysis(join(into, FILE_NAMES.json), found);
    const frames = await framesAt(
      facts.clip,
      found.frames.map(({ timestampSec }) => timestampSec),
    );
    await writeFile(join(into, FILE_NAMES.thumbnail), drawAnalysisThumbnail(found, frames, {}, 192));
    const bytes = {};
    for (const name of outputs) Object.assign(bytes, { [name]: (await stat(join(into, FILE_NAMES[name]))).size });
    return { figures: figuresOf(found), bytes, timingsSec: { all: (performance.now() - startMs) / 1000 }, attempts: 1 };
  },
  async close() {},
};

const batch = await Batch.open(folder);
try {
  const { events } = await readBatchEvents(list, batch.videos);
  const plans = await batch.plan(events, settings);
  await batch.run(plans.filter(isOpen), maker, { onEnd: ({ id, error }) => console.log(id, error?.message ?? 'done') });
  await writeResults(batch, plans);
} finally {
  await batch.close();
  model.network.dispose();
}
