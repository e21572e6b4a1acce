/**
 * What kind of file a video is, by its first bytes. ffmpeg would guess as well, and among its guesses are lists that name
 * other files to open (playlists, concat scripts, numbered pictures): whoever sends such a list under the name of a video
 * would be shown files of this machine, and what was hashed would not be what was decoded. So only these kinds, each of
 * which is one file, are handed to ffmpeg, and always by name.
 */
import { L2cafError, messageOf } from '../../base/errors.ts';
import { openInput } from '../../base/input-files.ts';

/**
 * ffmpeg's name of the demuxer that reads a file.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` for what is no video, or names other files
 */
export async function demuxerOf(path: string): Promise<string> {
  const head = await readHead(path);
  const demuxer = sniffDemuxer(head);
  if (demuxer !== undefined) return demuxer;
  const { why, hint } = otherKind(head);
  throw new L2cafError('input-unreadable', `cannot read ${path}: ${why}`, { hint });
}

/** The demuxer for a file that begins so; undefined for what is not known to be a video in one file. */
export function sniffDemuxer(head: Buffer): string | undefined {
  return (
    SIGNATURES.find(({ at = 0, bytes }) => head.subarray(at, at + bytes.length).equals(bytes))?.demuxer ??
    (isMov(head) ? 'mov' : undefined) ??
    (isTransportStream(head) ? 'mpegts' : undefined) ??
    sniffStartCodes(head)
  );
}

/** Enough for the tables of a stream, and for what some cameras write before them. */
const HEAD_BYTES = 1 << 16;

async function readHead(path: string): Promise<Buffer> {
  const file = await openInput(path);
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    let filled = 0;
    for (let read = -1; read !== 0 && filled < HEAD_BYTES; filled += read) {
      ({ bytesRead: read } = await file.read(head, filled, HEAD_BYTES - filled, filled));
    }
    return head.subarray(0, filled);
  } catch (cause) {
    throw new L2cafError('input-unreadable', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  } finally {
    await file.close();
  }
}

interface Signature {
  readonly demuxer: string;
  readonly at?: number;
  readonly bytes: Buffer;
}

function signature(demuxer: string, bytes: string, at = 0): Signature {
  return { demuxer, at, bytes: Buffer.from(bytes, 'latin1') };
}

const SIGNATURES: readonly Signature[] = [
  signature('matroska', '\x1a\x45\xdf\xa3'),
  signature('avi', 'AVI ', 8),
  signature('avi', 'AVIX', 8),
  signature('avi', 'AMV ', 8),
  signature('mpeg', 'CDXA', 8),
  signature('flv', 'FLV\x01'),
  signature('asf', '\x30\x26\xb2\x75\x8e\x66\xcf\x11'),
  signature('ogg', 'OggS'),
  signature('rm', '.RMF'),
  signature('wtv', '\xb7\xd8\x00\x20\x37\x49\xda\x11'),
  signature('mxf', '\x06\x0e\x2b\x34\x02\x05\x01\x01'),
  signature('nut', 'nut/multimedia container\0'),
  signature('ivf', 'DKIF'),
  signature('yuv4mpegpipe', 'YUV4MPEG2'),
  signature('gif', 'GIF87a'),
  signature('gif', 'GIF89a'),
  signature('dv', '\x1f\x07\x00'),
  signature('obu', '\x12\x00\x0a'),
  signature('dhav', 'DHAV'),
];

/** Kinds of boxes that a file of the MP4 and QuickTime family may begin with. */
const FIRST_BOXES: ReadonlySet<string> = new Set(
  'ftyp styp moov mdat moof sidx free skip wide pnot uuid junk udta'.split(' '),
);

function isMov(head: Buffer): boolean {
  if (head.length < 8) return false;
  const size = head.readUInt32BE(0);
  return (size <= 1 || size >= 8) && FIRST_BOXES.has(head.toString('latin1', 4, 8));
}

/** Lengths of a packet: plain, with a time before it as on cameras and discs, with error correction after it. */
const PACKET_BYTES: readonly number[] = [188, 192, 204];
const SYNC_BYTE = 0x47;
/** As many packets in a row are no accident. */
const PACKETS_IN_A_ROW = 5;

/** A recording may begin within a packet, or with packets that are damaged. */
function isTransportStream(head: Buffer): boolean {
  return PACKET_BYTES.some((length) => {
    const inARow = Math.max(2, Math.min(PACKETS_IN_A_ROW, Math.floor(head.length / length)));
    for (let start = 0; start + (inARow - 1) * length < head.length; start++) {
      let packets = 0;
      while (packets < inARow && head[start + packets * length] === SYNC_BYTE) packets++;
      if (packets === inARow) return true;
    }
    return false;
  });
}

/** Streams without a container, or in that of DVDs: told apart by the codes after each `00 00 01`. */
function sniffStartCodes(head: Buffer): string | undefined {
  const codes = new Set<number>();
  let isHevc = false;
  for (let at = head.indexOf(START_CODE); at >= 0 && at + 4 < head.length; at = head.indexOf(START_CODE, at + 3)) {
    const code = head[at + 3]!;
    codes.add(code);
    // A parameter set of the whole video, in the lowest layer: no unit of H.264 looks so.
    if (code === 0x40 && head[at + 4] === 0x01) isHevc = true;
  }
  const has = (from: number, to = from): boolean => [...codes].some((code) => code >= from && code <= to);
  if (has(0xba)) return 'mpeg';
  if (has(0x20, 0x2f) && has(0xb6)) return 'm4v';
  if (has(0xb3) && has(0x00)) return 'mpegvideo';
  if (has(0x80, 0xff)) return has(0xe0, 0xef) ? 'mpeg' : undefined;
  if (isHevc) return 'hevc';
  const units = new Set([...codes].map((code) => code & 0x1f));
  return units.has(7) && units.has(8) ? 'h264' : undefined;
}

const START_CODE = Buffer.from([0, 0, 1]);

/** Kinds that are met in place of videos. */
function otherKind(head: Buffer): { readonly why: string; readonly hint: string } {
  const text = head.toString('latin1');
  const begins = (...starts: string[]): boolean => starts.some((start) => text.startsWith(start));
  if (/^(\xef\xbb\xbf)?\s*(#EXTM3U|ffconcat|\[playlist\]|\[Reference\]|<\?xml|<MPD|<smil|<asx|v=0\s)/i.test(text)) {
    return { why: 'it is a list that names other files, no video', hint: 'name the video file itself' };
  }
  if (begins('\x89PNG', '\xff\xd8\xff', 'BM', 'II*\0', 'MM\0*') || text.slice(8, 12) === 'WEBP') {
    return { why: 'it is a still picture', hint: 'give a video file; for a picture use l2caf image' };
  }
  if (begins('ID3', 'fLaC', '\xff\xfb', '\xff\xf1', '\xff\xf9') || text.slice(8, 12) === 'WAVE') {
    return { why: 'it has sound but no video', hint: 'give a video file' };
  }
  return {
    why: 'it is not a video, or of a kind that is not known here',
    hint: 'give a complete video file, or convert it to MP4 with ffmpeg first',
  };
}
