/**
 * Puts an HTML page together that works by itself: opened from a disk, without a server or a network. Its data are
 * untrusted (labels, names of files), so they travel as JSON in a block that no browser runs, and the page's security
 * policy lets nothing run but our own script, by its hash, and lets nothing be fetched.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { IndexData, MapData, ReportData } from './page-data.ts';

/** The pages there are, each with its data. */
export type Page =
  | { readonly name: 'report'; readonly title: string; readonly data: ReportData }
  | { readonly name: 'index'; readonly title: string; readonly data: IndexData }
  | { readonly name: 'map'; readonly title: string; readonly data: MapData };

/** The text of a page as one HTML document. */
export async function htmlPage({ name, title, data }: Page): Promise<string> {
  const [script, style] = await Promise.all([bundled(`${name}.js`), bundled(`${name}.css`)]);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "img-src data: 'self' file:",
    "media-src blob: 'self' file:",
    // The index shows reports side by side.
    ...(name === 'index' ? ["frame-src 'self' file:"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeText(title)}</title>
<style>${style}</style>
</head>
<body>
<noscript>This page draws its content from numbers and needs JavaScript.</noscript>
<script type="application/json" id="data">${escapeJson(data)}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** The build's pages; the same folder seen from the sources and from the build. */
const PAGES = new URL('../../dist/report/pages/', import.meta.url);

async function bundled(file: string): Promise<string> {
  const text = await readFile(fileURLToPath(new URL(file, PAGES)), 'utf8');
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error(`${file} would end the element that holds it`);
  return text;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** JSON in which nothing can end a script element. */
function escapeJson(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}
