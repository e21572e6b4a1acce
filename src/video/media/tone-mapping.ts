/**
 * Brings video of high dynamic range (HLG and PQ in the colours of BT.2020, as phones and newer dashcams record it) to
 * the standard range, for which networks and screens are made. Not every ffmpeg has filters for that, but all can look
 * colours up in a table, so the table is computed here.
 * Sources: ITU-R BT.2100-2 (HLG: table 5, PQ: table 4), BT.2408-7 (reference white), BT.2087 (colours), BT.1886 (display).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeScratchFolder, type ScratchFolder } from '../../base/scratch-folder.ts';
import type { ColourTags } from './colour-tags.ts';

type Rgb = readonly [red: number, green: number, blue: number];

/** Colours of the mapped frames. */
const STANDARD: ColourTags = { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', range: 'tv' };

/** From the code values of a curve, 0 to 1, to light on a display, nits. */
const CURVES: Readonly<Record<string, { readonly name: string; readonly toNits: (code: Rgb) => Rgb }>> = {
  'arib-std-b67': { name: 'hlg', toNits: hlgToNits },
  smpte2084: { name: 'pq', toNits: (code) => each(code, pqToNits) },
};

/**
 * The filters that map a video with these properties, and the colours that its frames have afterwards; undefined for one
 * of the standard range.
 */
export async function toneMapping(video: {
  readonly color_transfer?: string;
}): Promise<{ readonly filters: string; readonly colour: ColourTags } | undefined> {
  const curve = CURVES[video.color_transfer ?? ''];
  if (curve === undefined) return undefined;
  const table = await tableFile(curve.name, (code) => toStandard(curve.toNits(code)));
  const toRgb = 'scale=in_color_matrix=bt2020:flags=bicubic+accurate_rnd+full_chroma_int,format=rgb48';
  const toYuv = 'scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv444p';
  const tags = 'setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709';
  return { filters: `${toRgb},lut3d=file=${quoted(table)},${toYuv},${tags}`, colour: STANDARD };
}

/** Light of BT.2020, nits → code values of BT.709, 0 to 1. What is brighter than white is compressed, not cut off. */
export function toStandard(nits: Rgb): Rgb {
  const relative = each(nits, (light) => light / REFERENCE_WHITE_NITS);
  const brightest = Math.max(...relative);
  const scale = brightest > 0 ? compressed(brightest) / brightest : 0;
  const light = each(relative, (part) => part * scale);
  return each(toBt709(light), (part) => Math.min(1, Math.max(0, part)) ** (1 / DISPLAY_GAMMA));
}

/** HLG code values → light on a display of 1000 nits. */
export function hlgToNits(code: Rgb): Rgb {
  const scene = each(code, (v) => (v <= 0.5 ? (v * v) / 3 : (Math.exp((v - HLG.c) / HLG.a) + HLG.b) / 12));
  const luminance = 0.2627 * scene[0] + 0.678 * scene[1] + 0.0593 * scene[2];
  const gain = luminance > 0 ? HLG.peakNits * luminance ** (HLG.systemGamma - 1) : 0;
  return each(scene, (part) => part * gain);
}

/** A PQ code value → light, nits. */
export function pqToNits(code: number): number {
  const power = code ** (1 / PQ.m2);
  return 10_000 * (Math.max(0, power - PQ.c1) / (PQ.c2 - PQ.c3 * power)) ** (1 / PQ.m1);
}

const HLG = { a: 0.17883277, b: 0.28466892, c: 0.55991073, peakNits: 1000, systemGamma: 1.2 } as const;
const PQ = { m1: 0.1593017578125, m2: 78.84375, c1: 0.8359375, c2: 18.8515625, c3: 18.6875 } as const;

/** A white sheet in video of high dynamic range, nits (BT.2408): it stays white. */
const REFERENCE_WHITE_NITS = 203;
const DISPLAY_GAMMA = 2.4;

/** Light up to the knee stays as it is; what lies between it and the brightest that occurs shares the rest up to 1. */
function compressed(light: number): number {
  if (light <= KNEE) return light;
  const room = 1 - KNEE;
  const excess = (Math.min(light, BRIGHTEST) - KNEE) / room;
  const most = (BRIGHTEST - KNEE) / room;
  // Reinhard's curve with a white point: slope 1 at the knee, 1 at the brightest.
  return KNEE + room * ((excess * (1 + excess / most ** 2)) / (1 + excess));
}

const KNEE = 0.8;
/** HLG's 1000 nits, to which most PQ video is graded as well, in units of reference white. */
const BRIGHTEST = 1000 / REFERENCE_WHITE_NITS;

function toBt709([red, green, blue]: Rgb): Rgb {
  return [
    1.6605 * red - 0.5876 * green - 0.0728 * blue,
    -0.1246 * red + 1.1329 * green - 0.0083 * blue,
    -0.0182 * red - 0.1006 * green + 1.1187 * blue,
  ];
}

function each([red, green, blue]: Rgb, change: (part: number) => number): Rgb {
  return [change(red), change(green), change(blue)];
}

/** Entries per side of a table. */
const TABLE_SIZE = 33;

let folder: Promise<ScratchFolder> | undefined;
const files = new Map<string, Promise<string>>();

/** Writes a table for ffmpeg's `lut3d`, once per process; it goes when the process ends. */
function tableFile(name: string, map: (code: Rgb) => Rgb): Promise<string> {
  const known = files.get(name);
  if (known !== undefined) return known;
  const written = writeTable(name, map);
  files.set(name, written);
  written.catch(() => files.delete(name));
  return written;
}

async function writeTable(name: string, map: (code: Rgb) => Rgb): Promise<string> {
  folder ??= makeScratchFolder('l2caf-colour-');
  folder.catch(() => {
    folder = undefined;
  });
  const path = join((await folder).path, `${name}.cube`);
  await writeFile(path, cube(map));
  return path;
}

/** A table in the format `.cube`: red runs fastest. */
function cube(map: (code: Rgb) => Rgb): string {
  const code = (i: number): number => i / (TABLE_SIZE - 1);
  const lines = [`LUT_3D_SIZE ${TABLE_SIZE}`];
  for (let blue = 0; blue < TABLE_SIZE; blue++) {
    for (let green = 0; green < TABLE_SIZE; green++) {
      for (let red = 0; red < TABLE_SIZE; red++) {
        const parts = map([code(red), code(green), code(blue)]);
        lines.push(parts.map((part) => part.toFixed(6)).join(' '));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A file name as the value of a filter's option, within a filtergraph: escaped for both. */
function quoted(path: string): string {
  const forOption = path.replaceAll('\\', '/').replace(/[':\\]/g, '\\$&');
  return `'${forOption.replaceAll("'", "'\\''")}'`;
}
