/** The one notation of times that the command line and lists of events share. */

/** How a source writes numbers. */
export interface NumberNotation {
  /** Whether a comma may stand for the decimal point. */
  readonly decimalComma?: boolean;
}

/** A number of seconds, perhaps with an exponent. */
const PLAIN = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/** `m:ss` or `h:mm:ss`, with decimals. */
const CLOCK = /^(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)$/;

/** A number from 0 on, without a unit; undefined for anything else. */
export function numberOf(text: string, { decimalComma = false }: NumberNotation = {}): number | undefined {
  const plain = decimalComma ? text.trim().replace(',', '.') : text.trim();
  const value = PLAIN.test(plain) ? Number(plain) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

/**
 * Seconds from `12.5`, `1:02.5` or `1:00:03`; undefined for anything else, also where minutes or seconds exceed 59 below a
 * larger unit.
 */
export function secondsOf(text: string, notation: NumberNotation = {}): number | undefined {
  const plain = numberOf(text, notation);
  if (plain !== undefined) return plain;
  const match = CLOCK.exec(notation.decimalComma ? text.trim().replace(',', '.') : text.trim());
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [match[1] ?? '0', match[2]!, match[3]!].map(Number) as [number, number, number];
  if (seconds >= 60 || (match[1] !== undefined && minutes >= 60)) return undefined;
  const value = hours * 3600 + minutes * 60 + seconds;
  return Number.isFinite(value) ? value : undefined;
}
