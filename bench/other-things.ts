/**
 * Clips that are no driving, for the study of what a model does not know (`unlike.ts`): patterns that ffmpeg makes, scenes
 * drawn here, and pans over photographs of DATA (`stills`, `tiny-imagenet-val`).
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { createRandom } from '../src/base/random.ts';
import { ffmpeg } from './support.ts';

/** Size of the clips, pixels, and their length. */
const WIDTH = 640;
const HEIGHT = 360;
const FRAME_RATE = 10;
const LENGTH_SEC = 4;
const FRAMES = FRAME_RATE * LENGTH_SEC;

/** A clip of something else. */
export interface OtherThing {
  readonly name: string;
  readonly path: string;
}

/** Writes the clips into a folder, those that can be made: photographs need DATA. */
export async function makeOtherThings(folder: string, data: string | undefined): Promise<OtherThing[]> {
  await mkdir(folder, { recursive: true });
  const made: OtherThing[] = [];
  const add = async (name: string, make: (path: string) => Promise<void>): Promise<void> => {
    const path = join(folder, `${name.replaceAll(' ', '-')}.mp4`);
    await make(path);
    made.push({ name, path });
  };
  for (const [name, source] of Object.entries(PATTERNS)) await add(name, (path) => pattern(path, source));
  for (const [name, draw] of Object.entries(SCENES)) await add(name, (path) => drawn(path, draw));
  if (data !== undefined) {
    for (const photo of PHOTOS) await add(`photo ${photo}`, (path) => pan(path, join(data, 'stills', `${photo}.jpg`)));
    await add('photos in turn', (path) => inTurn(path, join(data, 'tiny-imagenet-val', 'images')));
  }
  return made;
}

const at = `s=${WIDTH}x${HEIGHT}:r=${FRAME_RATE}`;

/** Sources of ffmpeg. */
const PATTERNS: Readonly<Record<string, string>> = {
  black: `color=black:${at}`,
  grey: `color=gray:${at}`,
  'fine noise': `color=gray:${at},noise=alls=100:allf=t`,
  'coarse noise': `color=gray:s=16x9:r=${FRAME_RATE},noise=alls=100:allf=t,scale=${WIDTH}:${HEIGHT}`,
  'test picture': `testsrc2=${at}`,
  'colour bars': `smptebars=${at}`,
  'zoom into a fractal': `mandelbrot=${at}`,
  'game of life': `life=s=160x90:r=${FRAME_RATE}:seed=1:mold=10,scale=${WIDTH}:${HEIGHT}:flags=neighbor`,
  'colour gradients': `gradients=${at}:seed=1:speed=0.05`,
};

const PHOTOS = ['cute_dog', 'dog_ball', 'dog_butterfly'];

/** Draws the picture at a share of the clip, 0 to 1. */
type Draw = (context: SKRSContext2D, at: number) => void;

const SCENES: Readonly<Record<string, Draw>> = {
  room: (context, t) => {
    const pan = 120 * t;
    block(context, '#d8cdb8', 0, 0, WIDTH, 250);
    block(context, '#8a6a48', 0, 250, WIDTH, 110);
    block(context, '#a9c9e6', 90 - pan, 40, 150, 120);
    for (const x of [90, 160, 235]) block(context, '#fff', x - pan, 40, 6, 120);
    block(context, '#5b3f2a', 330 - pan, 60, 130, 190);
    for (let shelf = 0; shelf < 4; shelf++) {
      for (let book = 0; book < 9; book++) {
        block(context, `hsl(${47 * book + 80 * shelf} 45% 45%)`, 336 + 13 * book - pan, 68 + 46 * shelf, 10, 38);
      }
    }
    block(context, '#7c2f35', 520 - pan, 180, 210, 90);
    block(context, '#94393f', 520 - pan, 140, 210, 50);
    disc(context, '#f4e6a0', 640 - pan, 60, 28);
  },
  cartoon: (context, t) => {
    block(context, '#7ec8f0', 0, 0, WIDTH, HEIGHT);
    disc(context, '#69b84c', 160, 460, 260);
    disc(context, '#57a53f', 520, 480, 270);
    const x = 120 + 380 * t;
    const y = 210 - 50 * Math.abs(Math.sin(12 * t));
    disc(context, '#f2f2f2', x, y, 62);
    disc(context, '#f2f2f2', x + 12, y - 78, 40);
    for (const ear of [-14, 26]) block(context, '#f2f2f2', x + ear, y - 160, 14, 60);
    for (const eye of [0, 26]) disc(context, '#222', x + eye, y - 84, 6);
    disc(context, '#e48aa0', x + 13, y - 66, 6);
  },
  gesture: (context, t) => {
    block(context, '#b9c2c6', 0, 0, WIDTH, HEIGHT);
    block(context, '#2f4a7a', 220, 210, 200, 150);
    disc(context, '#d8a684', 320, 130, 62);
    disc(context, '#3a2a20', 320, 96, 58);
    disc(context, '#d8a684', 320, 140, 54);
    for (const [side, phase] of [
      [-1, 0],
      [1, 1.6],
    ] as const) {
      const [x, y] = [320 + side * (130 + 40 * Math.sin(9 * t + phase)), 190 + 70 * Math.cos(9 * t + phase)];
      line(context, '#2f4a7a', 40, 320 + 90 * side, 240, x, y);
      disc(context, '#d8a684', x, y, 30);
    }
  },
  conveyor: (context, t) => {
    block(context, '#6d747a', 0, 0, WIDTH, HEIGHT);
    block(context, '#9aa2a8', 0, 40, WIDTH, 24);
    block(context, '#22262a', 0, 270, WIDTH, 50);
    for (let i = -1; i < 9; i++) {
      const x = 90 * i + 90 * ((4 * t) % 1);
      block(context, '#2f7d46', x, 150, 44, 120);
      block(context, '#2f7d46', x + 14, 105, 16, 50);
      block(context, '#d8d2c0', x, 190, 44, 40);
      disc(context, '#3a4046', x, 320, 16);
    }
  },
  desktop: (context, t) => {
    block(context, '#25507a', 0, 0, WIDTH, HEIGHT);
    for (const [x, y] of [
      [40 + 120 * t, 40],
      [250, 90 - 30 * t],
    ] as const) {
      block(context, '#f6f6f6', x, y, 330, 220);
      block(context, '#3b6ea5', x, y, 330, 22);
      for (let row = 0; row < 9; row++) block(context, '#666', x + 14, y + 38 + 19 * row, 120 + ((row * 71) % 170), 7);
    }
    block(context, '#111', 0, HEIGHT - 28, WIDTH, 28);
  },
  'scrolling text': (context, t) => {
    block(context, '#fdfdfb', 0, 0, WIDTH, HEIGHT);
    for (let row = 0; row < 40; row++) {
      for (let word = 0, x = 40; x < 560; word++) {
        const width = 18 + ((row * 37 + word * 53) % 60);
        block(context, '#333', x, 24 * row - 300 * t, width, 11);
        x += width + 10;
      }
    }
  },
  'bar chart': (context, t) => {
    block(context, '#fff', 0, 0, WIDTH, HEIGHT);
    for (let bar = 0; bar < 8; bar++) {
      const height = 60 + 200 * Math.abs(Math.sin(bar + 3 * t));
      block(context, `hsl(${45 * bar} 70% 50%)`, 60 + 66 * bar, 320 - height, 44, height);
    }
    block(context, '#222', 40, 320, 560, 3);
  },
  aquarium: (context, t) => {
    const random = createRandom(3);
    block(context, '#0d4a6b', 0, 0, WIDTH, HEIGHT);
    block(context, '#c9b27a', 0, 320, WIDTH, 40);
    for (let i = 0; i < 12; i++) {
      const [x, y] = [(random.uniform() * WIDTH + 400 * t * random.uniform()) % WIDTH, 40 + 250 * random.uniform()];
      const hue = 360 * random.uniform();
      disc(context, `hsl(${hue} 80% 55%)`, x, y, 20);
      line(context, `hsl(${hue} 80% 45%)`, 16, x - 20, y, x - 38, y);
      disc(context, '#fff8', x + 60, (y - 300 * t + 720) % HEIGHT, 6);
    }
  },
};

function block(context: SKRSContext2D, color: string, x: number, y: number, width: number, height: number): void {
  context.fillStyle = color;
  context.fillRect(x, y, width, height);
}

function disc(context: SKRSContext2D, color: string, x: number, y: number, radius: number): void {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function line(context: SKRSContext2D, color: string, width: number, ...[x0, y0, x1, y1]: number[]): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(x0!, y0!);
  context.lineTo(x1!, y1!);
  context.stroke();
}

const ENCODED = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p'];

function pattern(path: string, source: string): Promise<void> {
  return ffmpeg('-f', 'lavfi', '-i', source, '-t', String(LENGTH_SEC), ...ENCODED, path);
}

async function drawn(path: string, draw: Draw): Promise<void> {
  const canvas = createCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d');
  const pictures = Array.from({ length: FRAMES }, (_, i) => {
    draw(context, i / FRAMES);
    return Buffer.from(context.getImageData(0, 0, WIDTH, HEIGHT).data);
  });
  const raw = `${path}.rgba`;
  const { rm, writeFile } = await import('node:fs/promises');
  await writeFile(raw, Buffer.concat(pictures));
  await ffmpeg(
    '-f',
    'rawvideo',
    '-pix_fmt',
    'rgba',
    '-s',
    `${WIDTH}x${HEIGHT}`,
    '-r',
    `${FRAME_RATE}`,
    '-i',
    raw,
    ...ENCODED,
    path,
  );
  await rm(raw);
}

/** A slow pan over a photograph. */
function pan(path: string, photo: string): Promise<void> {
  const zoom = `scale=1280:720:force_original_aspect_ratio=increase,zoompan=z=1.3:x=iw*0.2*on/${FRAMES}:y=ih*0.1:d=${FRAMES}:s=${WIDTH}x${HEIGHT}:fps=${FRAME_RATE}`;
  return ffmpeg('-i', photo, '-vf', zoom, '-frames:v', `${FRAMES}`, ...ENCODED, path);
}

/** Photographs one after another. */
async function inTurn(path: string, folder: string): Promise<void> {
  const photos = (await readdir(folder))
    .sort()
    .filter((_, i) => i % 40 === 0)
    .slice(0, 8);
  const inputs = photos.flatMap((photo) => ['-loop', '1', '-t', '0.5', '-i', join(folder, photo)]);
  const scaled = photos.map(
    (_, i) => `[${i}]scale=${WIDTH}:${HEIGHT},setsar=1,format=yuv420p,fps=${FRAME_RATE}[p${i}]`,
  );
  const joined = `${scaled.join(';')};${photos.map((_, i) => `[p${i}]`).join('')}concat=n=${photos.length}`;
  return ffmpeg(...inputs, '-filter_complex', joined, ...ENCODED, path);
}
