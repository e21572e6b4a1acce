/** The map of events as a page: by pointer and by keys, coloured by any column, and nothing in the data is run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createCanvas } from '@napi-rs/canvas';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFileAtomically } from '../../src/base/files.ts';
import { writeMapPage } from '../../src/report/map-page.ts';
import type { MapPoint } from '../../src/report/page-data.ts';
import { classColor } from '../../src/video/drawing/palette.ts';
import { findingsInBothThemes, findingsOn } from '../support/axe.ts';
import { chromiumPath, openChromium, watchPage } from '../support/chromium.ts';

const HOSTILE = `"><img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script><!-- ' & é 道`;

/** `#rrggbb` as browsers tell it. */
function rgbOf(color: string): string {
  return `rgb(${[1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)).join(', ')})`;
}

/** A grid of 5 by 4 events: from the left `a`, `b`, …; from the top 0, 1, … */
const POINTS: readonly MapPoint[] = Array.from({ length: 20 }, (_, i) => ({
  ...{ id: `${'abcde'[i % 5]}${Math.floor(i / 5)}`, status: 'done', x: i % 5, y: -Math.floor(i / 5) },
  ...{ startSec: i, endSec: i + 3, label: i % 5 === 0 ? HOSTILE : ['stop', 'turn'][i % 2]! },
  ...(i !== 0 && { report: `event ${i}/report #1.html`, thumbnail: 'picture #1.jpg' }),
  extra: { speed: i * 2, driver: `driver ${i % 3}` },
}));

describe.skipIf(chromiumPath === undefined)('the map in a browser', () => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  let problems: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'l2caf-map-'));
    await writeFileAtomically(join(folder, 'picture #1.jpg'), createCanvas(96, 54).toBuffer('image/jpeg'));
    await writeFileAtomically(join(folder, 'event 1', 'report #1.html'), '<!doctype html><title>the report</title>');
    await writeMapPage(join(folder, 'map.html'), {
      title: HOSTILE,
      caption: 'a caption',
      axes: ['one', 'two'],
      points: POINTS,
      classes: ['left', 'stop', 'right', 'turn'],
    });
    browser = await openChromium();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    problems = watchPage(page);
    await page.goto(pathToFileURL(join(folder, 'map.html')).href);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const card = (): Promise<string | null> => page.locator('.card').textContent();
  const fills = (): Promise<string[]> =>
    page.locator('.mark').evaluateAll((marks) => marks.map((mark) => (mark as SVGElement).style.fill));
  const visible = (): Promise<number> => page.locator('.mark:not([hidden])').count();

  it('shows every event, and what lies under the pointer with its picture', async () => {
    expect(await visible()).toBe(20);
    await page.locator('#point-7').hover();
    expect(await page.locator('.card h2 a').textContent()).toBe('c1');
    expect(await card()).toContain('driver 1');
    await page.waitForFunction(() => document.images[0]!.naturalWidth === 96);
    await page.locator('#point-0').hover();
    expect(await page.locator('.card h2').textContent()).toBe('a0');
    expect(await page.locator('.card a, .card img').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(problems).toEqual([]);
  });

  it('begins with colours that tell groups apart, where every event has a video of its own', async () => {
    const points = POINTS.map(({ label: _, ...point }, i) => ({ ...point, video: `${i}.mp4`, verdict: `${i % 2}` }));
    await writeMapPage(join(folder, 'own.html'), { ...{ title: '', caption: '', axes: ['', ''] }, points });
    const own = await browser.newPage();
    await own.goto(pathToFileURL(join(folder, 'own.html')).href);
    expect(
      await own.getByLabel('Colour by').evaluate((list) => (list as HTMLSelectElement).selectedOptions[0]!.text),
    ).toBe('verdict');
    await own.close();
  });

  it('can be used by everybody: axe finds nothing serious', async () => {
    expect(await findingsInBothThemes(page)).toEqual([]);
    const nameless = await browser.newPage(); // it does find what is wrong
    await nameless.setContent('<!doctype html><html lang="en"><title>x</title><main><select></select></main></html>');
    expect(await findingsOn(nameless)).toEqual([expect.stringMatching(/^select-name: /)]);
    await nameless.close();
  });

  it('is gone through by keys', async () => {
    await page.getByRole('listbox').focus();
    for (const [key, expected] of [
      ['ArrowRight', 'b0'],
      ['ArrowDown', 'b1'],
      ['ArrowDown', 'b2'],
      ['ArrowRight', 'c2'],
      ['ArrowUp', 'c1'],
      ['ArrowLeft', 'b1'],
    ] as const) {
      await page.keyboard.press(key);
      expect(await page.locator('.card h2').textContent()).toBe(expected);
    }
    expect(await page.getByRole('listbox').getAttribute('aria-activedescendant')).toBe('point-6');
    expect(await page.locator('[aria-selected=true]').count()).toBe(1);
  });

  it('is coloured by any column, by categories that can be hidden or along a scale', async () => {
    const byLabel = await fills();
    expect(new Set(byLabel).size).toBe(3);
    expect([byLabel[1], byLabel[2]]).toEqual([classColor(3), classColor(1)].map(rgbOf)); // turn, stop
    const options = await page.getByRole('combobox', { name: 'Colour by' }).locator('option').allTextContents();
    expect(options).toEqual(['label', 'start', 'speed', 'driver']);
    await page.getByRole('combobox', { name: 'Colour by' }).selectOption('speed');
    expect(new Set(await fills()).size).toBe(20);
    await page.getByRole('combobox', { name: 'Colour by' }).selectOption('driver');
    await page.getByRole('button', { name: /driver 2/ }).click();
    expect(await visible()).toBe(14);
    expect(await page.locator('output').textContent()).toBe('14 of 20 events');
    await page.getByRole('searchbox').fill('B0 turn'); // of b0 to b3, one
    expect(await visible()).toBe(1);
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: /driver 2/ }).click();
    expect(await visible()).toBe(20);
  });

  it('opens the report of an event', async () => {
    await page.locator('#point-1').click();
    await expect.poll(() => page.title()).toBe('the report');
  });
});
