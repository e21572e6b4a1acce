import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Analysis } from '../../src/analysis/document.ts';
import { withObjects } from '../../src/analysis/objects.ts';
import { keyframesOf } from '../../src/analysis/timeline.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { writeReport } from '../../src/report/index.ts';
import type { ReportData } from '../../src/report/page-data.ts';
import { heatmapAt } from '../../src/video/drawing/keyframes.ts';
import { drawHeatmap } from '../../src/video/drawing/overlay.ts';
import { defaultStyle } from '../../src/video/drawing/style.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { findingsInBothThemes } from '../support/axe.ts';
import { chromiumPath, openChromium, watchPage } from '../support/chromium.ts';
import { makeClip, readNumber } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

const HOSTILE = `"><img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script><!-- ' & é`;
const [WIDTH, HEIGHT] = [160, 96];

/** An analysis of the clip with the peak in the left upper cell first, in the right lower one then. */
async function analysisOf(path: string, timesSec: readonly number[], more: Partial<Analysis> = {}): Promise<Analysis> {
  const { width, height, frameRate, durationSec } = await probeClip(path);
  const example = exampleAnalysis({ path, sha256: await sha256OfFile(path), width, height, frameRate, durationSec });
  const frames = timesSec.map((timestampSec, timestep) => ({
    ...example.frames[0]!,
    ...{ timestep, timestampSec, importance: 0.5 + timestep },
    filter: { height: 2, width: 2, values: timestep % 2 ? [0, 0, -0.6, 0.8] : [0.8, -0.6, 0, 0] },
  }));
  return { ...example, span: { startSec: 0, endSec: durationSec }, frames, ...more };
}

const folder = await mkdtemp(join(tmpdir(), 'l2caf-report-test-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('writeReport', () => {
  it('puts a short video into the page and a long one beside it, and both stay small', async () => {
    const short = await makeClip(join(folder, 'short.mp4'));
    const page = join(folder, 'short.html');
    expect(await writeReport(await analysisOf(short, [0.48, 1.48]), page)).toEqual([page]);
    const long = await makeClip(join(folder, 'long.mp4'), { frames: 210, rate: '10' });
    const other = join(folder, 'long.html');
    expect(await writeReport(await analysisOf(long, [5, 15]), other)).toEqual([other, join(folder, 'long-clip.mp4')]);
    const { size } = await stat(page);
    expect(size).toBeLessThan(5e5);
    expect((await stat(other)).size).toBeLessThan(size);
    const clip = await probeClip(join(folder, 'long-clip.mp4'));
    expect(clip).toMatchObject({ width: WIDTH, height: HEIGHT, durationSec: 21, frameRate: { numerator: 10 } });
  });

  it.each([
    ['mp4', { rate: '25' }, undefined],
    ['mp4', { timesMs: '40*N+15*mod(N\\,3)' }, undefined],
    // The times of a Matroska file are whole milliseconds; the page's video has thirds of them.
    ['mkv', { rate: '30' }, 1 / 30],
  ])(
    'says how long frames are shown where that is not for as long as in the clip: .%s %j',
    async (ending, how, stepSec) => {
      const clip = await makeClip(join(folder, `times.${ending}`), { frames: 30, ...how });
      const path = join(folder, 'times.html');
      await writeReport(await analysisOf(clip, [0.4]), path);
      const [, json] = /<script type="application\/json" id="data">(.*)<\/script>/.exec(await readFile(path, 'utf8'))!;
      const { frames } = JSON.parse(json!) as ReportData;
      expect(frames.stepsUs.length).toBeGreaterThan(20);
      expect(frames.constantStepSec).toEqual(stepSec && expect.closeTo(stepSec, 9));
    },
  );

  it('stays under 3 MB with 1,200 sampled frames', async () => {
    const long = await makeClip(join(folder, 'dense.mp4'), { frames: 210, rate: '10' });
    const times = Array.from({ length: 1200 }, (_, i) => Number((i * 0.0175).toFixed(4)));
    const filter = { height: 7, width: 12, values: Array.from({ length: 84 }, (_, i) => Math.fround(Math.sin(i * i))) };
    const analysis = await analysisOf(long, times);
    const frames = analysis.frames.map((frame) => ({ ...frame, filter }));
    const page = join(folder, 'dense.html');
    await writeReport({ ...analysis, frames }, page);
    expect((await stat(page)).size).toBeLessThan(3e6);
  });

  it('refuses a clip that has changed and a region outside the picture, and leaves nothing behind', async () => {
    const path = await makeClip(join(folder, 'changed.mp4'), { frames: 10 });
    const analysis = await analysisOf(path, [0.2]);
    const out = join(folder, 'nothing');
    await mkdir(out);
    const ignore = [{ x: 150, y: 0, width: 20, height: 10 }];
    await expect(writeReport(analysis, join(out, 'a.html'), { ignore })).rejects.toThrow(/not within the picture/);
    await copyFile(await makeClip(join(folder, 'other.mp4'), { frames: 11 }), path);
    await expect(writeReport(analysis, join(out, 'a.html'))).rejects.toThrow(/content has changed/);
    expect(await readdir(out)).toEqual([]);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const analysis = await analysisOf(await makeClip(join(folder, 'stopped.mp4')), [0.48]);
    const out = join(folder, 'stopped');
    await mkdir(out);
    const stop = new AbortController();
    const onProgress = (): void => stop.abort();
    const written = writeReport(analysis, join(out, 'a.html'), { signal: stop.signal, onProgress });
    await expect(written).rejects.toMatchObject({ code: 'aborted' });
    expect(await readdir(out)).toEqual([]);
  });
});

describe.skipIf(chromiumPath === undefined)('a report in a browser', () => {
  let browser: Browser;
  let page: Page;
  let problems: string[];
  let analysis: Analysis;

  beforeAll(async () => {
    browser = await openChromium();
    const clip = await makeClip(join(folder, '"><img src=x onerror=window.hacked=1> #%3F.mp4'));
    analysis = await analysisOf(clip, [0.48, 1.48], {
      warnings: [HOSTILE],
      events: [
        { id: 'a', label: HOSTILE, startSec: 0, endSec: 1.2 },
        { id: 'b', label: 'turn', startSec: 1, endSec: 9 },
      ],
      labels: [HOSTILE, 'turn'],
      classes: [{ label: HOSTILE, probability: 0.75 }],
    });
    analysis.model.licences = [{ of: 'head x', licence: HOSTILE }];
    analysis.frames.forEach((frame, i) => {
      frame.probabilities = i ? [0.25, 0.75] : [0.75, 0.25];
    });
    const path = join(folder, 'main.html');
    await writeReport(analysis, path);
    ({ page, problems } = await open(path));
  });
  afterAll(() => browser?.close());

  async function open(path: string): Promise<{ page: Page; problems: string[] }> {
    const opened = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const found = watchPage(opened);
    await opened.goto(pathToFileURL(path).href);
    await opened.locator('.status').filter({ hasText: 'frame' }).waitFor();
    return { page: opened, problems: found };
  }

  /** The number that the video's picture shows: that of its frame. */
  const shownNumber = (on: Page): Promise<number> =>
    on
      .evaluate(
        ([width, height]) => {
          const context = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d')!;
          context.drawImage(document.querySelector('video')!, 0, 0);
          return [...context.getImageData(0, 0, width!, height!).data];
        },
        [WIDTH, HEIGHT],
      )
      .then((pixels) => readNumber(Uint8Array.from(pixels), WIDTH, HEIGHT, 4));
  /** The overlay's pixels, RGBA. */
  const overlay = (on: Page = page): Promise<{ width: number; height: number; data: Uint8Array }> =>
    on
      .evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>('.stage canvas')!;
        const { width, height } = canvas;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
        let bytes = '';
        for (let i = 0; i < data.length; i += 8192) bytes += String.fromCharCode(...data.subarray(i, i + 8192));
        return { width, height, data: btoa(bytes) };
      })
      .then(({ data, ...size }) => ({ ...size, data: new Uint8Array(Buffer.from(data, 'base64')) }));
  const inked = ({ data }: { data: Uint8Array }): number => data.filter((value, i) => i % 4 === 3 && value > 0).length;
  const status = (on: Page = page): Promise<string | null> => on.locator('.status').textContent();

  it('opens from the disk without a complaint, and without asking for anything', async () => {
    await expect.poll(() => shownNumber(page)).toBe(12);
    expect(await status()).toBe('0.48 s · frame 13 of 50 · sampled frame 1');
    expect(problems).toEqual([]);
  });

  it('can be used by everybody: axe finds nothing serious', async () => {
    expect(await findingsInBothThemes(page)).toEqual([]);
  });

  it('draws what the rendered video shows: the same lines at the same places', async () => {
    for (const [key, timeSec] of [
      ['Home', 0],
      ['Shift+ArrowRight', 0.48],
      ['ArrowRight', 0.52],
    ] as const) {
      await page.keyboard.press(key);
      await expect.poll(() => shownNumber(page)).toBe(Math.round(timeSec * 25));
      const { width, height, data } = await overlay();
      const context = createCanvas(width, height).getContext('2d');
      drawHeatmap(context, { width, height }, heatmapAt(keyframesOf(analysis), timeSec)!, defaultStyle);
      const expected = context.getImageData(0, 0, width, height).data;
      const differing = expected.filter((value, i) => i % 4 === 3 && Math.abs(value - data[i]!) > 64).length;
      expect(inked({ data })).toBeGreaterThan(0.01 * width * height);
      expect(differing).toBeLessThan(0.002 * width * height);
    }
  });

  it('moves video and overlay with the scrubber', async () => {
    const before = await overlay();
    const scrubber = page.getByRole('slider', { name: 'Time' });
    const box = (await scrubber.boundingBox())!;
    await page.mouse.move(box.x + 0.1 * box.width, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.741 * box.width, box.y + 20, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => shownNumber(page)).toBe(37);
    expect(await status()).toContain('sampled frame 2');
    expect(await scrubber.getAttribute('aria-valuetext')).toBe('1.48 s');
    expect(Buffer.compare((await overlay()).data, before.data)).not.toBe(0);
    await expect.poll(() => page.locator('.badge').textContent()).toBe('sampled 2 of 2');
  });

  it('steps and plays by keys, and says which maps are blended', async () => {
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => shownNumber(page)).toBe(35);
    expect(await status()).toContain('map blended between sampled frames 1 and 2');
    await page.keyboard.press('Home');
    await expect.poll(() => shownNumber(page)).toBe(0);
    expect(await status()).toContain('map of the first sampled frame');
    await page.keyboard.press('Space');
    await expect.poll(() => shownNumber(page)).toBeGreaterThan(2);
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Play' }).waitFor();
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('0.25');
    expect(await page.evaluate(() => document.querySelector('video')!.playbackRate)).toBe(0.25);
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('1');
    await page.getByRole('button', { name: 'Play' }).focus();
    await page.keyboard.press('End');
    await expect.poll(() => shownNumber(page)).toBe(49);
  });

  it('draws contours, heat, both, signed maps or nothing, with levels and opacity that can be moved', async () => {
    const choose = async (mode: string): Promise<number> => {
      await page.getByRole('radio', { name: mode }).check();
      return inked(await overlay());
    };
    const contours = await choose('Contours');
    expect(await choose('None')).toBe(0);
    expect(await choose('Heat')).toBeGreaterThan(contours);
    expect(await choose('Both')).toBeGreaterThan(contours);
    const before = await overlay();
    await page.getByRole('slider', { name: 'Opacity' }).fill('0.2');
    expect(Buffer.compare((await overlay()).data, before.data)).not.toBe(0);
    await choose('Signed');
    const { data } = await overlay();
    const isOrange = (i: number): boolean => data[i]! > 200 && data[i + 2]! < 60 && data[i + 3]! > 200;
    expect(data.some((_, i) => i % 4 === 0 && isOrange(i))).toBe(true);
    await choose('Contours');
    for (const level of await page.getByRole('checkbox', { name: 'Draw this level' }).all()) await level.uncheck();
    expect(inked(await overlay())).toBe(0);
    for (const level of await page.getByRole('checkbox', { name: 'Draw this level' }).all()) await level.check();
    await page.getByRole('slider', { name: 'Level' }).first().fill('0.6');
    expect(inked(await overlay())).not.toBe(contours);
  });

  it('draws boxes of objects on sampled frames, with their shares, until they are switched off', async () => {
    const path = join(folder, 'objects.html');
    const box = { x: 80, y: 40, width: 40, height: 40 };
    const placed = {
      ...{ path: '/boxes.csv', format: 'CSV', notes: [], warnings: [], objects: [{ name: HOSTILE, id: '7' }] },
      at: () => [{ object: 0, box }],
    };
    const plain = await analysisOf(await makeClip(join(folder, 'objects.mp4')), [0.48, 1.48]);
    await writeReport(
      withObjects(plain, placed, () => new Map([[0, { lost: 0.5, elsewhere: 0.25 }]])),
      path,
    );
    const { page: own, problems: found } = await open(path);
    await own.getByRole('radio', { name: 'None' }).check();
    const { width, height, data } = await overlay(own);
    const alphaAt = (x: number, y: number, { data: of } = { data }): number =>
      of[4 * (Math.round((y * height) / HEIGHT) * width + Math.round((x * width) / WIDTH)) + 3]!;
    expect(alphaAt(80, 60)).toBeGreaterThan(200); // its left side
    expect(alphaAt(100, 60)).toBe(0); // its middle
    await own.getByRole('button', { name: 'One frame on' }).click(); // between frames that are far apart
    const shown = async (): Promise<number> => inked(await overlay(own));
    await expect.poll(shown).toBe(0);
    await own.getByRole('button', { name: 'One frame back' }).click();
    await expect.poll(shown).toBeGreaterThan(0);
    const list = await own.locator('.objects li').allTextContents();
    expect(list).toEqual([expect.stringContaining(HOSTILE)]);
    expect(list[0]).toContain(' in 2 of 2 frames');
    expect(await own.locator('.objects h2').textContent()).toBe('Objects at 0.48 s');
    expect(list[0]).toContain('lost without 0.500, elsewhere 0.250');
    await own.keyboard.press('b');
    await expect.poll(shown).toBe(0);
    expect(await own.evaluate(() => 'hacked' in window)).toBe(false);
    expect(found.filter((problem) => !/willReadFrequently/.test(problem))).toEqual([]); // which this test reads often
    await own.close();
  });

  it('tells beside the video what holds at the moment shown, and of the whole event', async () => {
    const path = join(folder, 'moments.html');
    const plain = await analysisOf(await makeClip(join(folder, 'moments.mp4')), [0.48, 1.48]);
    const verdict = (words: 'says what the network uses' | 'unstable') => ({ words, moved: 1, top: 1, random: 0 });
    const verdicts = [verdict('says what the network uses'), verdict('unstable')];
    await writeReport(
      {
        ...plain,
        ...{ labels: ['stop', 'turn'], verdict: verdicts[1]! },
        classes: [
          { label: 'turn', probability: 0.9 },
          { label: 'stop', probability: 0.1 },
        ],
        frames: plain.frames.map((frame, i) => ({
          ...{ ...frame, verdict: verdicts[i]! },
          probabilities: i === 0 ? [0.75, 0.25] : [0.1, 0.9],
        })),
      },
      path,
    );
    const { page: own, problems: found } = await open(path);
    const panel = async (): Promise<string[]> => [
      ...(await own.locator('.verdict p, .classes h2').allTextContents()),
      ...(await own.locator('.classes li, .classes p').allTextContents()),
    ];
    await expect
      .poll(panel)
      .toEqual([
        ...['The map is unstable', 'at 0.48 s: says what the network uses', 'Classes at 0.48 s'],
        ...['stop75 %', 'turn25 %', 'Of the whole event: turn 90 %'],
      ]);
    await own.getByRole('button', { name: 'Next sampled frame' }).click();
    await expect
      .poll(panel)
      .toEqual([
        ...['The map is unstable', 'at 1.48 s: unstable', 'Classes at 1.48 s'],
        ...['turn90 %', 'stop10 %', 'Of the whole event: turn 90 %'],
      ]);
    expect(found).toEqual([]);
    await own.close();
  });

  it('shows labelled events, and which of them are under the cursor', async () => {
    const texts = await page.locator('.event').allTextContents();
    expect(texts).toEqual([HOSTILE, 'turn']);
    await page.getByRole('slider', { name: 'Time' }).focus();
    const value = page.locator('.names', { hasText: 'events' }).locator('.value');
    for (const [key, expected] of [
      ['Home', HOSTILE],
      ['Shift+ArrowRight', HOSTILE],
      ['End', 'turn'],
    ] as const) {
      await page.keyboard.press(key);
      await expect.poll(() => value.textContent()).toBe(expected);
    }
  });

  it('states the value of the cell under the pointer', async () => {
    const picture = page.locator('.gallery .picture').first();
    await picture.scrollIntoViewIfNeeded();
    const box = (await picture.boundingBox())!;
    await page.mouse.move(box.x + 0.75 * box.width, box.y + 0.25 * box.height);
    expect(await picture.locator('.grid-text').textContent()).toBe('row 0, column 1: −0.600 opposes');
    await page.mouse.move(0, 0);
    await picture.locator('.grid').waitFor({ state: 'hidden' });
    await page.getByText('Filter, 2 × 2 cells').first().click();
    const cells = (): Promise<string[]> => page.locator('td').allTextContents();
    await expect.poll(cells).toEqual(['', '.80', '−.60', '.00', '.00']);
  });

  it('can be walked through with the tabulator, and everything has a name', async () => {
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    const reached = new Set<string>();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      reached.add(
        await page.evaluate(() => {
          const focused = document.activeElement as HTMLInputElement;
          const name = focused.getAttribute('aria-label') ?? focused.labels?.[0]?.textContent ?? focused.textContent;
          return `${focused.tagName} ${name}`;
        }),
      );
    }
    for (const wanted of ['BUTTON Download JSON', 'BUTTON Play', 'DIV Time', 'INPUT Contours', 'INPUT Level']) {
      expect(reached).toContain(wanted);
    }
    expect([...reached].filter((text) => /^(BUTTON|INPUT|SELECT|DIV)\s*$/.test(text))).toEqual([]);
  });

  it('hands out the document', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download JSON' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('analysis.json');
    expect(JSON.parse(await readFile(await download.path(), 'utf8'))).toEqual(analysis);
  });

  it('saves the frame that is shown with its overlay as a PNG file, and says the command that draws so', async () => {
    const { page: own } = await open(join(folder, 'main.html'));
    await own.getByRole('radio', { name: 'Both' }).check();
    const [download] = await Promise.all([
      own.waitForEvent('download'),
      own.getByRole('button', { name: 'Save this frame as a PNG file' }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/-0\.480s\.png$/);
    const picture = await loadImage(await download.path());
    expect([picture.width, picture.height]).toEqual([WIDTH, HEIGHT]);
    const context = createCanvas(WIDTH, HEIGHT).getContext('2d');
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, WIDTH, HEIGHT);
    expect(data.every((value, i) => i % 4 !== 3 || value === 255)).toBe(true);
    // The clip is grey: what has colour is the overlay.
    const coloured = data.filter((value, i) => i % 4 === 0 && Math.abs(value - data[i + 2]!) > 40).length;
    expect(coloured).toBeGreaterThan(100);
    expect(await own.getByLabel('Command').inputValue()).toBe('l2caf render analysis.json --style both');
    await own.getByRole('button', { name: 'Copy' }).click();
    await own.getByRole('button', { name: /Copied|Selected/ }).waitFor();
    await own.close();
  });

  it('takes hostile names for text', async () => {
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.locator('.warning li').first().textContent()).toContain('untrained');
    expect(await page.locator('.warning li').last().textContent()).toBe(HOSTILE);
    expect(await page.locator('h1').textContent()).toBe('"><img src=x onerror=window.hacked=1> #%3F.mp4');
    expect(await page.locator('.class-name').allTextContents()).toContain(HOSTILE);
    expect(await page.locator('footer').textContent()).toBe(`Licences — head x: ${HOSTILE}`);
    const policy = await page.locator('meta[http-equiv]').getAttribute('content');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    // The tests read the overlay back, which Chromium would do in another way.
    expect(problems.filter((problem) => !problem.startsWith('Canvas2D'))).toEqual([]);
  });

  it('is light or dark, as the system or the reader wants', async () => {
    const background = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.getByRole('button', { name: 'Switch to light colours' }).click();
    expect(await background()).toBe(light);
  });

  it('fits the width of a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('shows the right frame of a clip with uneven frames', async () => {
    const clip = await makeClip(join(folder, 'uneven.mp4'), { frames: 30, timesMs: '40*N+15*mod(N\\,3)' });
    const path = join(folder, 'uneven.html');
    await writeReport(await analysisOf(clip, [0.5, 1]), path);
    const opened = await open(path);
    await opened.page.keyboard.press('Home');
    for (const frame of [1, 2, 3, 4]) {
      await opened.page.keyboard.press('ArrowRight');
      await expect.poll(() => shownNumber(opened.page)).toBe(frame);
      expect(await status(opened.page)).toContain(`${(0.04 * frame + 0.015 * (frame % 3)).toFixed(2)} s`);
    }
    await opened.page.close();
  });

  it('marks what no window of a dense analysis holds', async () => {
    const clip = await makeClip(join(folder, 'gap.mp4'));
    const window = { frames: [0], losses: [0.1], embedding: [0.5, -0.25] };
    const windows = [
      { ...window, startSec: 0, endSec: 0.8 },
      { ...window, startSec: 1.2, endSec: 2 },
    ];
    const path = join(folder, 'gap.html');
    await writeReport(await analysisOf(clip, [0.48, 1.48], { windows }), path);
    const opened = await open(path);
    const box = (await opened.page.getByRole('slider', { name: 'Time' }).boundingBox())!;
    await opened.page.mouse.click(box.x + 0.5 * box.width, box.y + 20);
    await expect.poll(() => opened.page.locator('.badge').textContent()).toBe('not analyzed');
    expect(inked(await overlay(opened.page))).toBe(0);
    expect(await status(opened.page)).toContain('not analyzed');
    expect(opened.problems).toEqual([]);
    await opened.page.close();
  });

  it('plays a long video from beside the page; says so when it is not there, and still draws the maps', async () => {
    const clip = await makeClip(join(folder, 'beside #1.mp4'), { frames: 210, rate: '10' });
    const path = join(folder, 'a b#1.html');
    await writeReport(await analysisOf(clip, [5, 15]), path);
    const opened = await open(path);
    await expect
      .poll(() => opened.page.evaluate(() => document.querySelector('video')!.currentTime))
      .toBeGreaterThan(4.9);
    expect(opened.problems).toEqual([]);
    await rm(join(folder, 'a b#1-clip.mp4'));
    await opened.page.reload();
    await expect.poll(() => opened.page.getByRole('alert').textContent()).toMatch(/a b#1-clip\.mp4 must lie beside/);
    expect(inked(await overlay(opened.page))).toBeGreaterThan(0);
    await opened.page.close();
  });
});
