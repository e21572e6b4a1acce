/**
 * Names of files that are being written. A name says which process writes it, so that what one that was killed has left behind
 * is known, and goes when the next one writes to the folder.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type Holder, stateOf, thisProcess } from './holder.ts';

/** The names of files that are being written, and of what is left of them when that is cut short: place, process, a random number. */
export const TEMPORARY: RegExp = /^\.([0-9a-f]{8})([0-9a-f]{8})[0-9a-f]{8}\.part(\.|$)/;

/** The longest extension that is kept; those that programs go by are shorter, and a name has 255 bytes at most. */
const EXTENSION_BYTES = 32;

/** A name for a file while it is written, of the same extension, and of a length of its own, whatever that of `path`. */
export async function temporaryName(path: string): Promise<string> {
  const extension = extname(path);
  const kept = Buffer.byteLength(extension) > EXTENSION_BYTES ? '' : extension;
  const writer = `${hashOf(await here())}${process.pid.toString(16).padStart(8, '0')}`;
  return `.${writer}${randomBytes(4).toString('hex')}.part${kept}`;
}

/** Removes from a folder, once per process, what processes that have ended were writing there. */
export async function sweep(folder: string): Promise<void> {
  if (swept.has(folder)) return;
  swept.add(folder);
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const [, place, pid] = TEMPORARY.exec(name) ?? [];
    if (place === undefined || pid === undefined) continue;
    const path = join(folder, name);
    if (await isLeft(path, place, Number.parseInt(pid, 16)))
      await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

const swept = new Set<string>();

/** Of a process on another machine, or before a restart, only time tells. */
async function isLeft(path: string, place: string, pid: number): Promise<boolean> {
  const own = await here();
  if (place === hashOf(own)) return (await stateOf({ place: own, pid, token: '' }, own)) === 'ended';
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > LEFT_MS;
}

/** Whoever writes a file adds to it more often. */
const LEFT_MS = 24 * 3600 * 1000;

let place: Promise<Holder['place']> | undefined;

function here(): Promise<Holder['place']> {
  place ??= thisProcess().then((own) => own.place);
  return place;
}

function hashOf(own: Holder['place']): string {
  return createHash('sha256').update(JSON.stringify(own)).digest('hex').slice(0, 8);
}
