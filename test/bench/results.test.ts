import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { resultsPage } from '../../bench/results.ts';

test('docs/results.md is what `npm run results` makes of the measured files', async () => {
  expect(await readFile('docs/results.md', 'utf8')).toBe(await resultsPage());
});

test('no figure of the page is typed by hand: its words hold no digits but those of names', async () => {
  const words = (await readFile('bench/results.md', 'utf8')).replace(/\{\{.*?\}\}|`.*?`|ResNet-50|L2-CAF|conv4/g, '');
  expect(words.match(/\d+/g)).toBeNull();
});
