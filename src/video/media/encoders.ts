/**
 * Finds encoders that work, among those of every ffmpeg of this machine: an encoder that is listed need not work, so each is
 * tried on a few frames, or on a moment of silence.
 */
import { Readable, Writable } from 'node:stream';
import { L2cafError, messageOf } from '../../base/errors.ts';
import { type Environment, type Ffmpeg, findAllFfmpegs, findFfmpeg } from './binaries.ts';
import { type FfmpegInput, runFfmpeg } from './ffmpeg.ts';

/** An encoder that works. */
export interface Encoder {
  readonly binary: Ffmpeg;
  /** ffmpeg's name of it. */
  readonly name: string;
  /** What a person should know about it; absent for the usual one. */
  readonly note?: string;
}

/** What is looked for. */
export interface EncoderWish {
  /** What is encoded, in words. */
  readonly title: string;
  /** ffmpeg's names of the encoders, by preference; the first is the usual one. */
  readonly names: readonly [string, ...string[]];
  /** What to do where there is none. */
  readonly hint: string;
}

/**
 * The usual encoder of the ffmpeg in use, else of another ffmpeg on this machine, else another encoder of one of them.
 *
 * @throws L2cafError `ffmpeg-missing` when none of them works
 */
export async function findEncoder({ title, names, hint }: EncoderWish, env: Environment): Promise<Encoder> {
  const first = await findFfmpeg(env);
  const [usual, ...others] = names;
  // Nearly always that is it; the others are not even looked for.
  if ((await tryEncoder(first, usual)) === undefined) return { binary: first, name: usual };
  const binaries = await findAllFfmpegs(env);
  const failures: string[] = [];
  for (const group of [[usual], others]) {
    for (const binary of binaries) {
      for (const name of group) {
        const why = await tryEncoder(binary, name);
        if (why !== undefined) {
          failures.push(`${binary.path}, ${name}: ${why}`);
          continue;
        }
        const of = binary.path === first.path ? '' : ` of ${nameOf(binary)}`;
        const note = `${nameOf(first)} cannot encode with ${usual}: videos are encoded with ${name}${of}`;
        return { binary, name, note };
      }
    }
  }
  throw new L2cafError(
    'ffmpeg-missing',
    `no ffmpeg here can encode ${title} (tried ${binaries.map(nameOf).join(', ')})`,
    {
      hint,
      cause: new Error(failures.join('\n')),
    },
  );
}

function nameOf({ path, version }: Ffmpeg): string {
  return `${path} (${version})`;
}

/** Why a video encoder does not work; undefined if it does. */
export async function tryEncoder(binary: Ffmpeg, name: string): Promise<string | undefined> {
  const [side, frames] = [256, 3]; // less than some encoders in hardware accept is too little
  return whyNot(binary, ['-c:v', name], {
    source: Readable.from([new Uint8Array(side * side * 1.5 * frames).fill(128)]),
    options: ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${side}x${side}`, '-r', '25'],
  });
}

/** Why an encoder of sound does not work; undefined if it does. */
export async function trySoundEncoder(binary: Ffmpeg, name: string): Promise<string | undefined> {
  return whyNot(binary, ['-c:a', name], {
    source: Readable.from([new Uint8Array(48_000)]), // a quarter of a second
    options: ['-f', 's16le', '-ar', '48000', '-ac', '2'],
  });
}

async function whyNot(binary: Ffmpeg, options: readonly string[], input: FfmpegInput): Promise<string | undefined> {
  try {
    await runFfmpeg({
      binary,
      inputs: [input],
      options: [...options, '-f', 'null'],
      output: new Writable({ emitClose: false, write: (_chunk, _encoding, done) => done() }),
    });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
