/** Kinds of files by their first bytes, colours by their names, and MP4's boxes, all made by hand. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colourConversion, colourOptions, scaleMatrixOf } from '../../../src/video/media/colour-tags.ts';
import { demuxerOf, sniffDemuxer } from '../../../src/video/media/container.ts';
import { isWholeMp4, setLastFrameLength, withLastFrameLength } from '../../../src/video/media/mp4.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-headers-'));
});
afterAll(() => rm(folder, { recursive: true }));

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
/** Start codes, each followed by a byte of another kind. */
const codes = (...values: readonly number[]): Buffer =>
  Buffer.from([...values.flatMap((value) => [0, 0, 1, value, 0x55]), 0]);

describe('a file is', () => {
  it.each<[string | undefined, Buffer]>([
    ['matroska', bytes('\x1a\x45\xdf\xa3')],
    ['avi', bytes('RIFF....AVI ')],
    ['avi', bytes('RIFF....AVIX')],
    ['avi', bytes('RIFF....AMV ')],
    ['mpeg', bytes('RIFF....CDXA')],
    ['flv', bytes('FLV\x01')],
    ['asf', bytes('\x30\x26\xb2\x75\x8e\x66\xcf\x11')],
    ['ogg', bytes('OggS')],
    ['rm', bytes('.RMF')],
    ['wtv', bytes('\xb7\xd8\x00\x20\x37\x49\xda\x11')],
    ['mxf', bytes('\x06\x0e\x2b\x34\x02\x05\x01\x01')],
    ['nut', bytes('nut/multimedia container\0')],
    ['ivf', bytes('DKIF')],
    ['yuv4mpegpipe', bytes('YUV4MPEG2')],
    ['gif', bytes('GIF87a')],
    ['gif', bytes('GIF89a')],
    ['dv', bytes('\x1f\x07\x00')],
    ['obu', bytes('\x12\x00\x0a')],
    ['dhav', bytes('DHAV')],
    ...'ftyp styp moov mdat moof sidx free skip wide pnot uuid junk udta'
      .split(' ')
      .map((kind): [string, Buffer] => ['mov', bytes(`\0\0\0\x08${kind}`)]),
    ['mov', bytes('\0\0\0\x00mdat')],
    ['mov', bytes('\0\0\0\x01mdat')],
    [undefined, bytes('\0\0\0\x07mdat')],
    [undefined, bytes('\0\0\0\x08meta')],
    [undefined, bytes('\0\0\0\x08ftyp').subarray(0, 7)],
    ['mpeg', codes(0xba)],
    ['m4v', codes(0x20, 0xb6)],
    ['m4v', codes(0x2f, 0xb6)],
    [undefined, codes(0x1f, 0xb6)],
    [undefined, codes(0x30, 0xb6)],
    ['mpegvideo', codes(0xb3, 0x00)],
    ['mpeg', codes(0xe0)],
    ['mpeg', codes(0xef, 0x80)],
    [undefined, codes(0x80)],
    [undefined, codes(0xf0)],
    ['h264', codes(0x67, 0x68)],
    ['h264', codes(0x27, 0x28)],
    [undefined, codes(0x67)],
    [undefined, codes(0x68)],
    ['hevc', Buffer.from([0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42, 1, 0])],
    [undefined, Buffer.from([0, 0, 1, 0x40, 2, 0])],
    [undefined, Buffer.alloc(0)],
    [undefined, bytes('#EXTM3U')],
  ])('%s, if it begins so (%#)', (demuxer, head) => {
    expect(sniffDemuxer(head)).toBe(demuxer);
  });

  it.each([188, 192, 204])(
    'a transport stream of packets of %d bytes, five in a row or as many as there are',
    (length) => {
      const stream = (packets: number, broken?: number): Buffer => {
        const head = Buffer.alloc(packets * length);
        for (let i = 0; i < packets; i++) if (i !== broken) head[i * length] = 0x47;
        return head;
      };
      expect(sniffDemuxer(stream(5))).toBe('mpegts');
      expect(sniffDemuxer(stream(2))).toBe('mpegts');
      expect(sniffDemuxer(Buffer.concat([Buffer.alloc(99), stream(6)]))).toBe('mpegts');
      expect(sniffDemuxer(stream(1))).toBeUndefined();
      expect(sniffDemuxer(stream(9, 4))).toBeUndefined();
      expect(sniffDemuxer(stream(10, 4))).toBe('mpegts'); // five behind the damaged one
    },
  );
});

describe('what is no video is refused in words', () => {
  it.each([
    ...[
      '#EXTM3U\n',
      '\xef\xbb\xbf#EXTM3U',
      ' \nffconcat version 1.0',
      '[playlist]',
      '[Reference]',
      '<?xml',
      '<MPD ',
      '<smil>',
      '<ASX',
      'v=0\r\n',
    ].map((text) => [text, 'it is a list that names other files, no video', 'name the video file itself'] as const),
    ...['\x89PNG\r\n', '\xff\xd8\xff\xe0', 'BM....', 'II*\0', 'MM\0*', 'RIFF....WEBP'].map(
      (text) => [text, 'it is a still picture', 'give a video file; for a picture use l2caf image'] as const,
    ),
    ...['ID3\x03', 'fLaC', '\xff\xfb\x90', '\xff\xf1\x50', '\xff\xf9\x50', 'RIFF....WAVE'].map(
      (text) => [text, 'it has sound but no video', 'give a video file'] as const,
    ),
    ...['hello', '', 'v=01', 'x#EXTM3U'].map(
      (text) =>
        [
          text,
          'it is not a video, or of a kind that is not known here',
          'give a complete video file, or convert it to MP4 with ffmpeg first',
        ] as const,
    ),
  ])('%j', async (text, why, hint) => {
    const path = join(folder, 'no-video');
    await writeFile(path, bytes(text));
    await expect(demuxerOf(path)).rejects.toMatchObject({
      code: 'input-unreadable',
      message: `cannot read ${path}: ${why}`,
      hint,
    });
  });

  it('as is what cannot be read', async () => {
    await expect(demuxerOf(join(folder, 'gone'))).rejects.toMatchObject({ code: 'input-not-found' });
  });
});

describe('colours', () => {
  it.each([
    [{}, []],
    [
      { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709' },
      ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'],
    ],
    [{ range: 'pc' }, ['-color_range', 'tv']],
    [{ matrix: 'gbr', primaries: 'film', transfer: 'log100', range: 'tv' }, ['-color_range', 'tv']],
    [
      { matrix: 'bt2020nc', primaries: 'smpte432', transfer: 'arib-std-b67' },
      ['-colorspace', 'bt2020nc', '-color_primaries', 'smpte432', '-color_trc', 'arib-std-b67'],
    ],
    [
      { matrix: 'bt470bg', primaries: 'bt470bg', transfer: 'bt470bg' },
      ['-colorspace', 'bt470bg', '-color_primaries', 'bt470bg'],
    ],
  ])('of %j are carried on as %j', (colour, options) => {
    expect(colourOptions(colour)).toEqual(options);
  });

  it.each([
    [{}, {}, ''],
    [{ matrix: 'bt709' }, { matrix: 'bt709' }, ''],
    [{ matrix: 'smpte170m' }, { matrix: 'bt470bg' }, ''],
    [{ matrix: 'bt709' }, {}, ':in_color_matrix=bt709:out_color_matrix=bt601'],
    [{}, { matrix: 'bt2020nc' }, ':in_color_matrix=bt601:out_color_matrix=bt2020'],
    [
      { range: 'pc', matrix: 'smpte240m' },
      { range: 'pc' },
      ':in_range=pc:out_range=tv:in_color_matrix=smpte240m:out_color_matrix=bt601',
    ],
    [{ range: 'tv' }, {}, ''],
  ])('of %j become those of %j by %j', (from, to, options) => {
    expect(colourConversion(from, to)).toBe(options);
  });

  it('of a matrix that is not stated are BT.601', () => {
    expect([{}, { matrix: 'bt709' }, { matrix: 'bt2020nc' }, { matrix: 'fcc' }].map(scaleMatrixOf)).toEqual([
      'bt601',
      'bt709',
      'bt2020',
      'bt601',
    ]);
  });
});

describe('MP4', () => {
  const u32 = (...values: readonly number[]): Buffer => {
    const buffer = Buffer.alloc(4 * values.length);
    for (const [i, value] of values.entries()) buffer.writeUInt32BE(value, 4 * i);
    return buffer;
  };
  const box = (kind: string, ...parts: readonly Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    return Buffer.concat([u32(8 + content.length), bytes(kind), content]);
  };
  const track = (
    kind: string,
    duration: number,
    lengths: readonly (readonly [number, number])[],
    version = 0,
  ): Buffer =>
    box(
      'trak',
      box('tkhd', u32(0, 0, 0, 1, 0, duration)),
      box('edts', box('elst', u32(0, 1, duration, 0, 0x10000))),
      box(
        'mdia',
        box('mdhd', u32(version << 24, 0, 0, 10_000, duration * 10)),
        box('hdlr', u32(0, 0), bytes(kind), u32(0)),
        box('minf', box('stbl', box('stts', u32(0, lengths.length, ...lengths.flat())), box('stco', u32(0, 0)))),
      ),
    );
  const notes = (size: number): Buffer => box('udta', Buffer.alloc(size, 0x61));
  const movie = (...parts: readonly Buffer[]): Buffer => box('moov', box('mvhd', u32(0, 0, 0, 1000, 300)), ...parts);
  /** The boxes of a kind, however deep. */
  const find = (of: Buffer, path: string): Buffer => {
    let at = of;
    for (const kind of path.split('/')) {
      let start = 8;
      while (at.toString('latin1', start + 4, start + 8) !== kind) start += at.readUInt32BE(start);
      at = at.subarray(start, start + at.readUInt32BE(start));
    }
    return at;
  };
  const lengthsOf = (of: Buffer): number[] => {
    const table = find(of, 'trak/mdia/minf/stbl/stts');
    return Array.from({ length: (table.length - 16) / 4 }, (_, i) => table.readUInt32BE(16 + 4 * i));
  };

  it('has the last frame shown for so long, in every place that says so, at its size', () => {
    // Three frames of a tenth of a second; the last becomes a quarter: 1500 ticks more of 10 000, 150 of 1000
    const before = movie(track('vide', 300, [[3, 1000]]), track('soun', 100, []), notes(40));
    const after = withLastFrameLength(before, 0.25);
    expect(after).toHaveLength(before.length);
    expect(lengthsOf(after)).toEqual([2, 1000, 1, 2500]);
    expect(find(after, 'trak/mdia/mdhd').readUInt32BE(24)).toBe(4500);
    expect(find(after, 'trak/tkhd').readUInt32BE(28)).toBe(450);
    expect(find(after, 'trak/edts/elst').readUInt32BE(16)).toBe(450);
    expect(find(after, 'mvhd').readUInt32BE(24)).toBe(450);
    expect(find(after, 'free').length).toBe(40);
    expect(before).toEqual(movie(track('vide', 300, [[3, 1000]]), track('soun', 100, []), notes(40))); // unchanged
  });

  it('has runs of equal frames together, and room where there are fewer', () => {
    const same = withLastFrameLength(movie(track('vide', 300, [[3, 1000]]), notes(40)), 0.1);
    expect(lengthsOf(same)).toEqual([3, 1000]);
    expect(find(same, 'udta').length).toBe(48);
    const fewer = withLastFrameLength(
      movie(
        track('vide', 250, [
          [2, 1000],
          [1, 500],
        ]),
        notes(40),
      ),
      0.1,
    );
    expect(lengthsOf(fewer)).toEqual([3, 1000]);
    expect(find(fewer, 'free').length).toBe(56);
    expect(find(fewer, 'mvhd').readUInt32BE(24)).toBe(300);
    const longer = movie(track('vide', 300, [[3, 1000]]), track('soun', 900, []), notes(40));
    expect(find(withLastFrameLength(longer, 0.25), 'mvhd').readUInt32BE(24)).toBe(900); // as long as the longest
  });

  it('of another form is refused', () => {
    expect(() => withLastFrameLength(movie(track('soun', 300, [[1, 1]])), 1)).toThrow(
      'the MP4 header has no video track',
    );
    expect(() => withLastFrameLength(movie(track('vide', 300, [[1, 1]], 1)), 1)).toThrow(
      'the MP4 header has times of 64 bits',
    );
    expect(() => withLastFrameLength(box('moov', track('vide', 300, [[1, 1]])), 1)).toThrow(
      'the MP4 header has no mvhd',
    );
  });

  it('is changed in its file, wherever the header lies', async () => {
    const path = join(folder, 'a.mp4');
    const header = movie(track('vide', 300, [[3, 1000]]), notes(40));
    const rest = [box('ftyp', bytes('isom')), header, box('mdat', Buffer.alloc(9, 7))];
    await writeFile(path, Buffer.concat(rest));
    await setLastFrameLength(path, 0.25);
    expect(await readFile(path)).toEqual(Buffer.concat([rest[0]!, withLastFrameLength(header, 0.25), rest[2]!]));
    for (const parts of [[rest[0]!], [bytes('\0\0\0\x04abcd')], [bytes('abc')]]) {
      await writeFile(path, Buffer.concat(parts));
      await expect(setLastFrameLength(path, 1)).rejects.toThrow(`${path} has no header before its pictures`);
    }
  });

  it('is whole if it has a header, and all that its boxes say', async () => {
    const path = join(folder, 'b.mp4');
    const whole = async (...parts: readonly Buffer[]): Promise<boolean> => {
      await writeFile(path, Buffer.concat(parts));
      return isWholeMp4(path);
    };
    const [type, header, data] = [box('ftyp', bytes('isom')), movie(), box('mdat', Buffer.alloc(9))];
    const long = Buffer.concat([u32(1), bytes('mdat'), u32(0, 25), Buffer.alloc(9)]);
    expect(await whole(type, header, data)).toBe(true);
    expect(await whole(type, data, header)).toBe(true);
    expect(await whole(type, header, long)).toBe(true);
    expect(await whole(type, data)).toBe(false);
    expect(await whole(type, header, data.subarray(0, -1))).toBe(false);
    expect(await whole(type, header, long.subarray(0, -1))).toBe(false);
    expect(await whole(type, header, Buffer.alloc(8))).toBe(false);
    expect(await whole(header, bytes('\0\0\0'))).toBe(false);
    expect(await whole()).toBe(false);
  });
});
