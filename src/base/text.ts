/**
 * Text files as spreadsheets and annotation programs save them: UTF-8 or UTF-16, with or without a byte order mark. What
 * is in another encoding is never guessed, as a wrong guess damages labels unseen: the reader says what it may be.
 */
import { L2cafError } from './errors.ts';
import { readInput } from './input-files.ts';

/** A file's text. */
export interface SourceText {
  readonly text: string;
  /**
   * A line (from 1) as it reads in Windows-1252, if the file is not in UTF-8 throughout: letters of its text are then
   * {@link LOST}. Undefined for a file that was decoded without loss.
   */
  readonly guess?: (line: number) => string;
}

/** The largest list, bytes: millions of events. */
export const MAX_TEXT_BYTES = 256e6;

/** Stands for a letter that could not be decoded. */
export const LOST = '\uFFFD';

/** What to do about another encoding. */
const HINT = 'save it as UTF-8: in Excel as "CSV UTF-8", elsewhere for instance with iconv -f WINDOWS-1252 -t UTF-8';

/**
 * Reads a text file.
 *
 * @param wanted what to give instead of a file that is no text: the hint of that error
 * @throws L2cafError as `readInput`, up to 256 MB; `input-unreadable` when it is no text, or in an encoding that is
 *   recognised but not read
 */
export async function readText(path: string, wanted = 'give a text file'): Promise<SourceText> {
  const bytes = await readInput(path, { maxBytes: MAX_TEXT_BYTES });
  const encoding = encodingOf(bytes, path, wanted);
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes) };
  } catch (cause) {
    if (encoding !== 'utf-8') throw refused(path, `its ${encoding.toUpperCase()} text is damaged`, cause);
  }
  let lines: readonly string[] | undefined;
  return {
    text: new TextDecoder().decode(bytes),
    guess: (line) => {
      lines ??= new TextDecoder('windows-1252').decode(bytes).split(LINE_END);
      return lines[line - 1] ?? '';
    },
  };
}

/** Why letters of a line are {@link LOST}. */
export function whyLost({ guess }: SourceText, line: number): string {
  if (guess === undefined) return 'has lost letters (U+FFFD): somebody saved it in another encoding';
  const reading = guess(line).trim().slice(0, 200);
  return `is not UTF-8 (if it is Windows-1252, the line reads: ${reading}): save the list as UTF-8`;
}

/** Where one line ends and the next begins. */
export const LINE_END = /\r\n|\n|\r/;

/** By the byte order mark, the declaration of an XML file, or where the zeros of UTF-16 lie. */
function encodingOf(bytes: Uint8Array, path: string, wanted: string): string {
  const [a = -1, b = -1, c = -1, d = -1] = bytes;
  const isWide = (a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff);
  if (isWide) throw refused(path, 'it is in UTF-32');
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  const declared = declaredEncoding(bytes, path);
  if (declared !== undefined) return declared;
  const zeros = [0, 0];
  for (const [i, byte] of bytes.subarray(0, LOOK_AT_BYTES).entries()) if (byte === 0) zeros[i % 2]!++;
  const [even, odd] = zeros as [number, number];
  if (even + odd === 0) return 'utf-8';
  const looksWide = bytes.length % 2 === 0 && Math.max(even, odd) * 4 > Math.min(bytes.length, LOOK_AT_BYTES);
  if (looksWide && odd > 4 * even) return 'utf-16le';
  if (looksWide && even > 4 * odd) return 'utf-16be';
  throw new L2cafError('input-unreadable', `${path} cannot be used: it is not a text file`, {
    hint: wanted,
  });
}

/** Enough to tell. */
const LOOK_AT_BYTES = 4096;

function declaredEncoding(bytes: Uint8Array, path: string): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  const [, name] = /^(?:ï»¿)?\s*<\?xml[^>]*?\bencoding\s*=\s*["']([^"']*)["']/.exec(start) ?? [];
  if (name === undefined || /^utf-?(8|16)/i.test(name)) return undefined; // UTF-16 would not have been legible here
  try {
    return new TextDecoder(name).encoding;
  } catch (cause) {
    throw refused(path, `its encoding, ${name}, is not known here`, cause);
  }
}

function refused(path: string, why: string, cause?: unknown): L2cafError {
  return new L2cafError('input-unreadable', `${path} cannot be used: ${why}`, { hint: HINT, cause });
}
