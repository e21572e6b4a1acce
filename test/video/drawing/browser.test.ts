import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { renderOverlay } from '../../../src/video/media/encode.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { chromiumPath, openChromium } from '../../support/chromium.ts';
import { type ClipOptions, makeClip } from '../../support/clips.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-browser-'));
});
afterAll(() => rm(folder, { recursive: true }));

const heatmap: Heatmap = { height: 1, width: 2, values: Float32Array.of(0, 1), min: 0, max: 1 };

/** What a browser makes of a video: its size and length, and how bright it is in the left half at a time. */
async function playedInChromium(path: string, timeSec: number) {
  const page = join(folder, 'page.html');
  await writeFile(
    page,
    `<video muted src="data:video/mp4;base64,${(await readFile(path)).toString('base64')}"></video>`,
  );
  const browser = await openChromium();
  try {
    const tab = await browser.newPage();
    await tab.goto(pathToFileURL(page).href);
    return await tab.evaluate(async (time) => {
      const video = document.querySelector('video')!;
      // A seek has ended before its frame can be drawn: until that is on screen, what is drawn is the one before.
      await new Promise<void>((done, fail) => {
        video.onerror = () => fail(new Error(video.error?.message));
        const onFrame = (_now: number, { mediaTime }: VideoFrameCallbackMetadata): void => {
          if (Math.abs(mediaTime - time) < 0.1) done();
          else video.requestVideoFrameCallback(onFrame);
        };
        video.requestVideoFrameCallback(onFrame);
        video.currentTime = time;
      });
      const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
      const context = canvas.getContext('2d')!;
      context.drawImage(video, 0, 0, 8, 8);
      const { videoWidth: width, videoHeight: height, duration } = video;
      return { width, height, duration, grey: context.getImageData(1, 4, 1, 1).data[0]! };
    }, timeSec);
  } finally {
    await browser.close();
  }
}

describe.skipIf(chromiumPath === undefined)('in Chromium', () => {
  const cases: (ClipOptions & { name: string })[] = [
    { name: 'plain', rate: '30000/1001' },
    { name: 'uneven', timesMs: 'N*30+mod(N\\,4)*7' },
    { name: 'with sound', sound: 'sin(2*PI*440*t)' },
  ];
  // Frame n has the grey value 40 + 4 n.
  const draw = (n: number, width: number, height: number) => new Uint8Array(width * height).fill(40 + 4 * n);

  it.each(cases)('a rendered video plays, and shows the frame of the moment: $name', async ({ name, ...options }) => {
    const clip = await probeClip(await makeClip(join(folder, `${name}.mp4`), { frames: 40, draw, ...options }));
    const out = join(folder, `${name} out.mp4`);
    const span = { startSec: 0, endSec: clip.durationSec };
    const keyframes = [{ timestampSec: 0, heatmap }];
    const style = { ...defaultStyle, showMarks: false, showLegend: false };
    const { durationSec } = await renderOverlay({ clip, span, keyframes, style, out });
    const shown = await playedInChromium(out, 0.5);
    expect(shown).toMatchObject({ width: 160, height: 96, duration: expect.closeTo(durationSec, 1) });
    const frame = name === 'uneven' ? 16 : name === 'plain' ? 14 : 12;
    expect(Math.abs(shown.grey - (40 + 4 * frame))).toBeLessThan(9); // two frames of grey, for rounding of time and colour
  });
});
