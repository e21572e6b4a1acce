/** Mutations of videos by what their containers are made of: boxes of MP4, elements of Matroska, packets of MPEG-TS. */
import type { Random } from '../../src/base/random.ts';
import { mutateBytes, oneOf, pick } from './mutate.ts';

interface Part {
  readonly from: number;
  /** Where what is in it begins. */
  readonly body: number;
  readonly end: number;
}

/** Boxes that hold boxes. */
const BOXES = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'udta', 'dinf', 'moof', 'traf', 'mvex']);

function boxesOf(bytes: Buffer, from = 0, end = bytes.length): Part[] {
  const boxes: Part[] = [];
  for (let at = from; at + 8 <= end; ) {
    const size = bytes.readUInt32BE(at);
    if (size < 8 || at + size > end) break;
    boxes.push({ from: at, body: at + 8, end: at + size });
    if (BOXES.has(bytes.toString('latin1', at + 4, at + 8))) boxes.push(...boxesOf(bytes, at + 8, at + size));
    at += size;
  }
  return boxes;
}

/** Matroska's elements that hold elements: segment, clusters, tracks, block groups, cues and so on. */
const MASTERS = new Set([
  0x18538067, 0x1f43b675, 0x1654ae6b, 0xae, 0xa0, 0x1c53bb6b, 0xbb, 0xe0, 0x1549a966, 0x114d9b74,
]);

function elementsOf(bytes: Buffer, from = 0, end = bytes.length): Part[] {
  const elements: Part[] = [];
  for (let at = from; at + 2 <= end; ) {
    const idLength = Math.clz32(bytes[at]!) - 23;
    if (idLength > 4 || at + idLength >= end) break;
    const id = bytes.readUIntBE(at, idLength);
    const sizeAt = at + idLength;
    const sizeLength = Math.clz32(bytes[sizeAt]!) - 23;
    if (sizeLength > 6 || sizeAt + sizeLength > end) break;
    const size = bytes.readUIntBE(sizeAt, sizeLength) - 2 ** (7 * sizeLength);
    const body = sizeAt + sizeLength;
    const last = Math.min(end, size === 2 ** (7 * sizeLength) - 1 ? end : body + size);
    elements.push({ from: at, body, end: last });
    if (MASTERS.has(id)) elements.push(...elementsOf(bytes, body, last));
    at = last;
  }
  return elements;
}

function packetsOf(bytes: Buffer): Part[] {
  return Array.from({ length: Math.floor(bytes.length / 188) }, (_, i) => {
    return { from: 188 * i, body: 188 * i + 4, end: 188 * (i + 1) };
  });
}

const PARTS: Readonly<Record<string, (bytes: Buffer) => Part[]>> = { mp4: boxesOf, mkv: elementsOf, ts: packetsOf };

/** A number that says when a picture is decoded or shown. */
interface TimeField {
  readonly at: number;
  readonly bytes: number;
}

function timesOf(bytes: Buffer, container: string): TimeField[] {
  if (container === 'ts') return packetsOf(bytes).flatMap(({ from, end }) => timesOfPacket(bytes, from, end));
  return PARTS[container]!(bytes).flatMap(({ from, body, end }) => {
    if (container === 'mkv') return TIMED_ELEMENTS.has(bytes[from]!) ? [{ at: body + 1, bytes: 2 }] : [];
    const count = TIMED_BOXES.has(bytes.toString('latin1', from + 4, from + 8)) ? (end - body - 8) >> 2 : 0;
    return Array.from({ length: count }, (_, i) => ({ at: body + 8 + 4 * i, bytes: 4 }));
  });
}

/** How long frames are, how much later they are shown, where they begin, and the same of fragments. */
const TIMED_BOXES = new Set(['stts', 'ctts', 'elst', 'trun', 'tfdt']);
/** Blocks, of a track below 127: their time follows its number. */
const TIMED_ELEMENTS = new Set([0xa3, 0xa1]);

/** The last bytes of both times of a packet with which a picture begins. */
function timesOfPacket(bytes: Buffer, from: number, end: number): TimeField[] {
  const start = bytes.indexOf(Buffer.from([0, 0, 1, 0xe0]), from);
  if (start < 0 || start + 19 > end) return [];
  return [start + 12, start + 17].map((at) => ({ at, bytes: 2 }));
}

/** Times that others have, that are a little off, or that are the same from here on. */
function mutateTimes(bytes: Buffer, times: readonly TimeField[], random: Random): void {
  const first = pick(random, times.length);
  const { at, bytes: width } = times[first]!;
  const [kind, other, by] = [pick(random, 4), oneOf(random, times), oneOf(random, [1, 2, 40, 512, 1024, 3600])];
  if (at + width > bytes.length || other.at + width > bytes.length) return;
  const limit = 2 ** (8 * width);
  const value = bytes.readUIntBE(at, width);
  if (kind === 0) bytes.copy(bytes, at, other.at, other.at + width);
  else if (kind === 1) bytes.writeUIntBE((value + (random.uniform() < 0.5 ? by : limit - by)) % limit, at, width);
  else if (kind === 2) bytes[at + pick(random, width)]! ^= 1 << pick(random, 8);
  else for (const time of times.slice(first, first + 2 + pick(random, 40))) bytes.fill(0, time.at, time.at + width);
}

/** One to three mutations of a video; those of the sample data are as likely as those of the tables. */
export function mutateVideo(video: Buffer, container: string, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(video);
  for (let times = 1 + pick(random, 3); times > 0; times--) {
    const parts = PARTS[container]!(bytes);
    if (parts.length === 0) return mutateBytes(bytes, random);
    const times = random.uniform() < 0.25 ? timesOf(bytes, container) : [];
    if (times.length > 0) {
      mutateTimes(bytes, times, random);
      continue;
    }
    const { from, body, end } = oneOf(random, parts);
    const part = bytes.subarray(from, end);
    const at = body + pick(random, Math.max(1, end - body));
    switch (pick(random, 8)) {
      case 0: // bits of what is in it
        for (let flips = 1 + pick(random, 8); flips > 0; flips--) {
          const place = body + pick(random, Math.max(1, end - body));
          if (place < bytes.length) bytes[place]! ^= 1 << pick(random, 8);
        }
        break;
      case 1: // a number in it
        if (at + 4 <= bytes.length)
          bytes.writeUInt32BE(oneOf(random, [0, 1, 0x7fffffff, 0xffffffff, pick(random, 2 ** 31)]), at);
        break;
      case 2: // its head
        bytes[from + pick(random, Math.max(1, body - from))] = pick(random, 256);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(end)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, end), part, bytes.subarray(end)]);
        break;
      case 5:
        bytes.fill(0, at, Math.min(end, at + 1 + pick(random, 2000)));
        break;
      case 6:
        bytes = swapped(bytes, [{ from, body, end }, oneOf(random, parts)]);
        break;
      default:
        bytes = bytes.subarray(0, at);
    }
    bytes = Buffer.from(bytes);
  }
  return bytes;
}

/** With one part in the place of another; where one is within the other, as it was. */
function swapped(bytes: Buffer, parts: readonly Part[]): Buffer {
  const [first, second] = [...parts].sort((a, b) => a.from - b.from) as [Part, Part];
  if (first.end > second.from) return bytes;
  return Buffer.concat([
    bytes.subarray(0, first.from),
    bytes.subarray(second.from, second.end),
    bytes.subarray(first.end, second.from),
    bytes.subarray(first.from, first.end),
    bytes.subarray(second.end),
  ]);
}
