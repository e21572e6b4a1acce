/**
 * Text for a terminal. Names of files and events come from others; what a terminal would obey (colours, a cursor that moves,
 * letters from right to left) could hide a warning or forge one.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text whose characters that a terminal would obey are written out (`\x1b`, `\u202e`), but for ends of lines and tabs. */
export function printable(text: string): string {
  return text.replace(OBEYED, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}
