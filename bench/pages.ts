/**
 * The report of a long dense analysis: how large it is, how soon its first frame is there, and what axe-core finds on it.
 * `npm run bench -- pages [MINUTES]`; needs a Chromium on PATH or `CHROMIUM_PATH`.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { analyzeDense } from '../src/analysis/dense.ts';
import { openClip, openEventNetwork } from '../src/analysis/pipeline.ts';
import { fileSize } from '../src/base/files.ts';
import { writeReport } from '../src/report/index.ts';
import { clipBeside } from '../src/report/report-page.ts';
import { findingsInBothThemes } from '../test/support/axe.ts';
import { openChromium } from '../test/support/chromium.ts';
import { writeResults } from './results.ts';
import { longClip, median, temporaryFolder } from './support.ts';

const REPEATS = 5;

/** What runs in the page: whether its video can be shown. */
function hasFrame(): boolean {
  const page = globalThis as unknown as { document: { querySelector(name: string): { readyState: number } | null } };
  return (page.document.querySelector('video')?.readyState ?? 0) >= 2;
}

/** Analyzes a drive of so many minutes, 2 windows per second, and opens its report several times. */
export async function run([minutes = '10']: readonly string[]): Promise<void> {
  const folder = temporaryFolder();
  const path = join(folder, 'drive.mp4');
  await longClip(path, 60 * Number(minutes), 640, 360);
  const opened = await openClip(path, {});
  const model = await openEventNetwork({ backend: 'auto' });
  const slide = { frames: 3, windowSec: 3, strideSec: 0.5 };
  const analysis = await analyzeDense(model, { ...opened, seed: 0, ...slide });
  model.network.dispose();
  const report = join(folder, 'report.html');
  const started = performance.now();
  await writeReport(analysis, report);
  const writtenSec = (performance.now() - started) / 1000;
  const browser = await openChromium();
  const times: number[] = [];
  let findings: string[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const page = await browser.newPage();
    const begun = performance.now();
    await page.goto(pathToFileURL(report).href, { waitUntil: 'commit' });
    await page.waitForFunction(hasFrame);
    times.push(performance.now() - begun);
    if (i === REPEATS - 1) findings = await findingsInBothThemes(page, 'minor');
    await page.close();
  }
  await browser.close();
  const megabytes = async (file: string): Promise<string> => ((await fileSize(file))! / 1e6).toFixed(1);
  await writeResults({
    name: 'pages',
    command: `npm run bench -- pages ${minutes}`,
    tables: [
      {
        columns: ['measure', 'value'],
        rows: [
          ['sampled frames, windows', `${analysis.frames.length}, ${analysis.windows!.length}`],
          ['page, MB', await megabytes(report)],
          ['its video beside it, MB', await megabytes(clipBeside(report))],
          ['writing both, s', writtenSec.toFixed(1)],
          ['until the first frame is there, ms', median(times).toFixed(0)],
          ['findings of axe-core, of any impact, light and dark', String(findings.length)],
        ],
        notes: [`${minutes} min of 640x360, 30 frames/s; median of ${REPEATS} openings from the disk in Chromium.`],
      },
    ],
  });
}
