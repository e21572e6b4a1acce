import { expect } from 'vitest';

// Where a text is compared with a pattern, as in `toMatchObject({ message: /no video/ })`, it must match it: of itself, vitest
// looks for the pattern's own properties in the text, of which it has none, and finds any text to be right.
expect.addEqualityTesters([
  (text: unknown, pattern: unknown) =>
    pattern instanceof RegExp && typeof text === 'string' ? pattern.test(text) : undefined,
]);
