import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createCanvas } from '@napi-rs/canvas';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFileAtomically } from '../../src/base/files.ts';
import { writeIndex } from '../../src/report/index-page.ts';
import type { IndexRow } from '../../src/report/page-data.ts';
import { classColor } from '../../src/video/drawing/palette.ts';
import { findingsInBothThemes } from '../support/axe.ts';
import { chromiumPath, openChromium, watchPage } from '../support/chromium.ts';

const HOSTILE = `"><img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script><!-- ' & é 道`;

/** 2,000 events: every 50th failed, losses in no order. */
function manyRows(): IndexRow[] {
  return Array.from({ length: 2000 }, (_, i) => ({
    id: `event ${i}`,
    label: ['left_turn', 'right_turn', 'stop', HOSTILE][i % 4]!,
    status: i % 50 === 7 ? 'failed' : 'done',
    ...(i % 50 === 7 && { error: `cannot decode ${HOSTILE}` }),
    video: `drive-${i % 10}.mp4`,
    startSec: i,
    endSec: i + 3,
    ...(i % 50 !== 7 && {
      loss: ((i * 7919) % 2003) / 2003,
      report: `event ${i}/report.html`,
      files: [`event ${i}/analysis.json`, `event ${i}/overlay #1.mp4`],
      best: { label: i % 3 === 0 ? 'stop' : 'left_turn', probability: (i % 10) / 10, place: i % 3 === 0 ? 2 : 0 },
    }),
    thumbnail: 'picture #1.jpg',
    extra: { driver: `driver ${i % 5}`, speed: (i * 31) % 97 },
  }));
}

/** A colour of our palette as browsers compute it. */
const rgbOf = (hex: string): string =>
  `rgb(${[1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)).join(', ')})`;

describe.skipIf(chromiumPath === undefined)('the index in a browser', () => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  let problems: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'l2caf-index-'));
    await writeFileAtomically(join(folder, 'picture #1.jpg'), createCanvas(96, 54).toBuffer('image/jpeg'));
    await writeIndex(join(folder, 'index.html'), manyRows(), [`line 7: ${HOSTILE}`, 'line 9: no video']);
    browser = await openChromium();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    problems = watchPage(page);
    await page.goto(pathToFileURL(join(folder, 'index.html')).href);
  });
  afterAll(() => browser?.close());

  const visibleNames = (): Promise<string[]> =>
    page.locator('.body [role=row]:not([hidden]) [role=cell]:nth-child(2)').allTextContents();
  const sortBy = (column: string): Promise<void> => page.getByRole('button', { name: column, exact: true }).click();

  it('shows every event, loads thumbnails as they come into view, and complains about nothing', async () => {
    expect(await visibleNames()).toHaveLength(2000);
    await expect(page.locator('output').textContent()).resolves.toBe('2,000 events');
    await page.waitForFunction(() => document.images[0]!.naturalWidth === 96);
    expect(problems).toEqual([]);
  });

  it('can be used by everybody: axe finds nothing, not even of little weight', async () => {
    await writeIndex(join(folder, 'few.html'), manyRows().slice(0, 30), ['line 9: no video']); // axe looks at each row
    const few = await browser.newPage();
    await few.goto(pathToFileURL(join(folder, 'few.html')).href);
    expect(await findingsInBothThemes(few, 'minor')).toEqual([]);
    await few.close();
  });

  it('sorts numbers as numbers, in both directions, rows without a value last', async () => {
    await sortBy('loss');
    const up = await visibleNames();
    expect(up[0]).toBe('event 0');
    expect(up.at(-1)).toMatch(/^event \d+cannot decode/);
    await sortBy('loss');
    const down = await visibleNames();
    expect(down[0]).not.toBe('event 0');
    expect(down.at(-1)).toMatch(/^event \d+cannot decode/);
    expect(await page.locator('[aria-sort=descending]').textContent()).toBe('loss');
    await sortBy('event');
    expect((await visibleNames())[2]).toBe('event 2');
  });

  it('filters by label, by status and by words', async () => {
    await page.getByLabel('label', { exact: true }).selectOption('=stop');
    expect(await visibleNames()).toHaveLength(500);
    await page.getByLabel('status', { exact: true }).selectOption('=failed');
    expect(await page.locator('output').textContent()).toBe('0 of 2,000 events');
    await page.getByLabel('label', { exact: true }).selectOption('');
    expect(await visibleNames()).toHaveLength(40);
    await page.getByLabel('status', { exact: true }).selectOption('');
    await page.getByRole('searchbox').fill('DRIVE-3 driver');
    expect(await visibleNames()).toHaveLength(200);
    await page.getByRole('searchbox').fill('');
  });

  it('shows classes in the colours that they have elsewhere, and how they agree with labels', async () => {
    const row = page
      .locator('.body [role=row]')
      .filter({ has: page.getByRole('link', { name: 'event 3', exact: true }) });
    const swatch = row.locator('.swatch');
    await expect(swatch.evaluate((own) => getComputedStyle(own).backgroundColor)).resolves.toBe(rgbOf(classColor(2)));
    const confusion = page.locator('details.confusion');
    const alike = manyRows().filter(({ label, best }) => best && best.label === label).length;
    expect(await confusion.locator('summary').textContent()).toBe(`Labels and classes: ${alike} of 1960 alike`);
    await confusion.locator('summary').click();
    await confusion.getByRole('button', { name: 'with the label right_turn, seen as stop' }).click();
    const wanted = manyRows().filter(({ label, best }) => label === 'right_turn' && best?.label === 'stop').length;
    expect(await visibleNames()).toHaveLength(wanted);
    expect(await confusion.getByRole('button', { name: 'right_turn, seen as stop' }).textContent()).toBe(`${wanted}`);
    for (const list of ['label', 'class']) await page.getByLabel(list, { exact: true }).selectOption('');
    await confusion.locator('summary').click();
  });

  it('links every file of an event', async () => {
    const row = page
      .locator('.body [role=row]')
      .filter({ has: page.getByRole('link', { name: 'event 3', exact: true }) });
    const links = await row
      .locator('.files a')
      .evaluateAll((all) => all.map((a) => [a.textContent, a.getAttribute('href')]));
    expect(links).toEqual([
      ['analysis.json', './event%203/analysis.json'],
      ['overlay #1.mp4', './event%203/overlay%20%231.mp4'],
    ]);
  });

  it('breaks the name of a class after an underscore, not within a word', async () => {
    const narrow = await browser.newPage({ viewport: { width: 800, height: 600 } });
    const best = { label: 'traffic_light_green', probability: 1 };
    await writeIndex(join(folder, 'narrow.html'), [{ id: 'a', status: 'done', best }]);
    await narrow.goto(pathToFileURL(join(folder, 'narrow.html')).href);
    const label = narrow.locator('.beside-swatch .clamped');
    expect(await label.innerHTML()).toBe('traffic_<wbr>light_<wbr>green');
    expect(await label.textContent()).toBe(best.label);
    await narrow.close();
  });

  it('says which rows of the list were left out, as text', async () => {
    const leftOut = page.locator('details.left-out');
    expect(await leftOut.locator('summary').textContent()).toBe('2 rows of the list were left out');
    await leftOut.locator('summary').click();
    expect(await leftOut.locator('li').allTextContents()).toEqual([`line 7: ${HOSTILE}`, 'line 9: no video']);
    await leftOut.locator('summary').click();
  });

  it('lays out only the rows in view', async () => {
    const laidOut = await page.evaluate(
      () =>
        [...document.querySelectorAll('.body [role=cell]:first-child')].filter((cell) =>
          cell.checkVisibility({ contentVisibilityAuto: true }),
        ).length,
    );
    expect(laidOut).toBeGreaterThan(5);
    expect(laidOut).toBeLessThan(100);
  });

  it('takes names for text and paths for paths', async () => {
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.locator('.body [role=row]').filter({ hasText: '<script>' }).count()).toBe(520); // 500 labels, 20 further errors
    expect(await page.locator('a[href="./event%2011/report.html"]').textContent()).toBe('event 11');
  });

  it('links nowhere but into its own folder', async () => {
    const path = join(folder, 'hostile.html');
    const row = { status: 'done', video: 'a', startSec: 0, endSec: 1 };
    const reports = ['javascript:alert(1)', '//example.org/x', 'a?b#c'];
    await writeIndex(
      path,
      reports.map((report) => ({ ...row, id: report, report })),
    );
    const other = await browser.newPage();
    await other.goto(pathToFileURL(path).href);
    const addresses = await other.evaluate(() => [...document.links].map(({ href }) => href));
    const own = pathToFileURL(`${folder}/`).href;
    for (const address of addresses) expect(address.startsWith(own)).toBe(true);
    expect(addresses[2]).toBe(`${own}a%3Fb%23c`);
    await other.close();
  });

  it('is small', async () => {
    expect((await stat(join(folder, 'index.html'))).size).toBeLessThan(1.5e6);
  });
});

describe('writeIndex', () => {
  it('says where it cannot write', async () => {
    await expect(writeIndex('/dev/null/index.html', [])).rejects.toThrow(/cannot write \/dev\/null/);
  });
});
