import { crc32 } from 'node:zlib';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { expect, it } from 'vitest';
import { withPrintResolution } from '../../../src/video/drawing/png.ts';

it('says 300 dots per inch behind the header, in a chunk with the right checksum, and leaves the picture as it is', async () => {
  const plain = createCanvas(3, 2).toBuffer('image/png');
  const bytes = Buffer.from(withPrintResolution(plain));
  const at = bytes.indexOf('pHYs');
  expect(at).toBe(bytes.indexOf('IHDR') + 4 + 13 + 4 + 4); // the name's, the header's, its checksum's and a length's bytes
  expect(bytes.readUInt32BE(at - 4)).toBe(9);
  const [across, down] = [bytes.readUInt32BE(at + 4), bytes.readUInt32BE(at + 8)];
  expect([across, down]).toEqual([Math.round(300 / 0.0254), Math.round(300 / 0.0254)]); // dots per metre
  expect(bytes[at + 12]).toBe(1); // the unit is the metre
  expect(bytes.readUInt32BE(at + 13)).toBe(crc32(bytes.subarray(at, at + 13)));
  expect(Buffer.concat([bytes.subarray(0, at - 4), bytes.subarray(at + 17)]).equals(plain)).toBe(true);
  expect(await loadImage(bytes)).toMatchObject({ width: 3, height: 2 });
});
