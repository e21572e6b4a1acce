/** The physical size of PNG files, which text processors use when they place them. */

/** Inserts the resolution of 300 dots per inch (11811 per metre) into a PNG file's bytes. */
export function withPrintResolution(png: Uint8Array): Uint8Array {
  return Buffer.concat([png.subarray(0, AFTER_HEADER), RESOLUTION, png.subarray(AFTER_HEADER)]);
}

/** The signature and the header chunk have 8 and 25 bytes. */
const AFTER_HEADER = 33;
/** The chunk `pHYs`: length, name, pixels per metre each way, unit metre, checksum. */
const RESOLUTION = Buffer.from('000000097048597300002e2300002e230178a53f76', 'hex');
