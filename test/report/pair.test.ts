/** Two reports beside each other over their index, whose playheads are linked. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Frame, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../src/base/files.ts';
import { indexRowOf, writeIndex, writeReport } from '../../src/report/index.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { findingsInBothThemes } from '../support/axe.ts';
import { chromiumPath, openChromium, watchPage } from '../support/chromium.ts';
import { makeClip } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

describe.skipIf(chromiumPath === undefined)('two events beside each other', () => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  let problems: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'l2caf-pair-'));
    const path = await makeClip(join(folder, 'drive.mp4'), { frames: 75, width: 64, height: 48 }); // 25 frames/s
    const { width, height, frameRate, durationSec } = await probeClip(path);
    const analysis = exampleAnalysis({ path, sha256: await sha256OfFile(path), width, height, frameRate, durationSec });
    const [frame] = analysis.frames;
    const rows = [];
    for (const [id, startSec] of [
      ['early', 0],
      ['late #1', 1],
    ] as const) {
      const own = {
        ...{ ...analysis, span: { startSec, endSec: startSec + 2 } },
        frames: [{ ...frame!, timestampSec: startSec + 0.48 }],
      };
      await writeReport(own, join(folder, `${id}.html`));
      rows.push({ id, ...indexRowOf(own), report: `${id}.html` });
    }
    await writeIndex(join(folder, 'index.html'), [...rows, { id: 'without a report', status: 'done' }]);
    browser = await openChromium();
    page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
    problems = watchPage(page);
    await page.goto(pathToFileURL(join(folder, 'index.html')).href);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
  });

  const frameNumber = async (frame: Frame): Promise<number> =>
    Number(/frame (\d+) of/.exec((await frame.locator('.status').textContent())!)![1]);
  const settled = (frame: Frame, number: number): Promise<void> =>
    expect.poll(() => frameNumber(frame), { timeout: 15_000 }).toBe(number);

  it('are chosen in the index, and go to the same moment when one of them is moved', async () => {
    const button = page.getByRole('button', { name: /^Compare/ });
    expect(await button.textContent()).toBe('Compare (choose 2)');
    expect(await page.getByRole('checkbox', { name: /^compare/ }).count()).toBe(2);
    for (const id of ['early', 'late #1']) await page.getByRole('checkbox', { name: `compare ${id}` }).check();
    await button.click();
    await page.waitForFunction(() => document.querySelectorAll('iframe').length === 2);
    const frames = await Promise.all(
      (await page.locator('iframe').elementHandles()).map(async (own) => (await own.contentFrame())!),
    );
    const [early, late] = frames as [Frame, Frame];
    for (const own of frames) await own.locator('.status').waitFor();
    await settled(early, 13);
    await settled(late, 13);
    await early.getByRole('button', { name: 'One frame on' }).click();
    await settled(early, 14);
    await settled(late, 14);
    await late.getByRole('button', { name: 'One frame on' }).press('Home');
    await settled(late, 1);
    await settled(early, 1);
    await page.getByRole('checkbox', { name: /same moment/ }).uncheck();
    await early.getByRole('button', { name: 'One frame on' }).press('End');
    await settled(early, 50);
    expect(await frameNumber(late)).toBe(1);
    expect(problems).toEqual([]);
    expect(await findingsInBothThemes(page)).toEqual([]);
  });

  it('lie below each other on a narrow screen', async () => {
    const places = (): Promise<number[][]> =>
      page
        .locator('iframe')
        .evaluateAll((all) => all.map((own) => [own.getBoundingClientRect().left, own.getBoundingClientRect().top]));
    const [[left], [right]] = (await places()) as [[number, number], [number, number]];
    expect(right).toBeGreaterThan(left);
    await page.setViewportSize({ width: 390, height: 844 });
    const [[upperLeft, upper], [lowerLeft, lower]] = (await places()) as [[number, number], [number, number]];
    expect(lowerLeft).toBe(upperLeft);
    expect(lower).toBeGreaterThan(upper);
    await page.setViewportSize({ width: 1600, height: 900 });
  });

  it('play together, and give the index back when they are closed', async () => {
    await page.getByRole('checkbox', { name: /same moment/ }).check();
    const [early, late] = page.frames().slice(1) as [Frame, Frame];
    await late.getByRole('button', { name: 'Play' }).click();
    await expect.poll(() => frameNumber(early), { timeout: 15_000 }).not.toBe(50);
    await late.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(async () => (await frameNumber(early)) - (await frameNumber(late)), { timeout: 15_000 }).toBe(0);
    await page.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => page.locator('iframe').count()).toBe(0); // a dialog tells of its end in its own time
    expect(await page.getByRole('button', { name: 'Compare the two' }).isEnabled()).toBe(true);
  });

  it('do what nobody else tells them', async () => {
    const own = await browser.newPage();
    await own.goto(pathToFileURL(join(folder, 'early.html')).href);
    await own.locator('.status').waitFor();
    await own.evaluate(() => postMessage({ l2cafSinceStartSec: 1 }, '*'));
    await own.waitForTimeout(300);
    expect(await own.locator('.status').textContent()).toMatch(/frame 13 of/);
    await own.close();
  });
});
