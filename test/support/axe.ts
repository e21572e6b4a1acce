/** What axe-core (https://github.com/dequelabs/axe-core) finds on a page that keeps people with disabilities from using it. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** The findings, from `least` on (by default the serious and critical ones), each with what it is about. */
export async function findingsOn(page: Page, least: 'minor' | 'serious' = 'serious'): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] }),
  );
  return violations
    .filter(({ impact }) => least === 'minor' || impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

/** The same in light and in dark colours, which pages take from the system. */
export async function findingsInBothThemes(page: Page, least: 'minor' | 'serious' = 'serious'): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    found.push(...(await findingsOn(page, least)));
  }
  return found;
}
