/** The documents: commands as they are, links that lead somewhere in the package, errors that exist. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandPages } from '../../scripts/commands-page.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

async function pages(): Promise<string[]> {
  const inFolder = async (folder: string): Promise<string[]> =>
    (await readdir(join(ROOT, folder))).filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
  const models = await Promise.all(['models/driving', 'models/driving-camvid'].map(inFolder));
  const own = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
  return [...own, ...(await inFolder('docs')), ...(await inFolder('docs/commands')), ...models.flat()];
}

/** The text without blocks of code, in which nothing is a link or a heading. */
const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '');

/** What GitHub and typedoc make of headings. */
function anchorsIn(text: string): Set<string> {
  const headings = withoutCode(text).matchAll(/^#{1,6} (.*)$/gm);
  return new Set(
    [...headings].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

describe('documents', () => {
  it('describe the commands as they are (npm run docs)', async () => {
    const made = await commandPages();
    for (const [path, text] of made) expect(await read(join('docs', path)), path).toBe(text);
    const there = (await readdir(join(ROOT, 'docs', 'commands'))).map((name) => `commands/${name}`);
    expect([...there, 'commands.md'].sort()).toEqual([...made.keys()].sort());
  });

  it('link to files and headings that are there, in the package those of it', async () => {
    const { files } = JSON.parse(await read('package.json')) as { files: readonly string[] };
    const isPacked = (path: string): boolean =>
      ['README.md', 'LICENSE', ...files].some((own) => path === own || path.startsWith(`${own}/`));
    const wrong: string[] = [];
    for (const page of await pages()) {
      const text = withoutCode(await read(page)).replace(/`[^`\n]*`/g, '');
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const [file, anchor] = target!.split('#') as [string, string?];
        const path = file === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), file)).replaceAll('\\', '/');
        if ((await stat(join(ROOT, path)).catch(() => undefined)) === undefined) wrong.push(`${page}: ${target}`);
        else if (isPacked(page) && !isPacked(path)) wrong.push(`${page}: ${target} is not in the package`);
        else if (anchor !== undefined && !anchorsIn(await read(path)).has(anchor)) wrong.push(`${page}: no ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('name every page in the README, or in one that it names', async () => {
    const named = async (page: string): Promise<string[]> =>
      [...(await read(page)).matchAll(/\]\(([^)#\s]+\.md)/g)].map(([, target]) => join(dirname(page), target!));
    const reached = new Set(['README.md']);
    for (const page of reached) for (const next of await named(page)) reached.add(next);
    expect((await pages()).filter((page) => page.startsWith('docs') && !reached.has(page))).toEqual([]);
  });

  it('quote errors and warnings that the sources hold', async () => {
    const rows = (await read('docs/troubleshooting.md')).split('\n').filter((line) => line.startsWith('| `'));
    const quoted = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, text]) => text!));
    expect(quoted.length).toBeGreaterThan(15);
    const names = (await readdir(join(ROOT, 'src'), { recursive: true })).filter((name) => name.endsWith('.ts'));
    const sources = await Promise.all(names.map((name) => read(join('src', name))));
    expect(quoted.filter((text) => !sources.some((source) => source.includes(text)))).toEqual([]);
  });

  it('name the classes of the packaged heads', async () => {
    const text = await read('docs/classes.md');
    const rows = text.split('\n').flatMap((line) => (line.startsWith('| `') ? [line.split('|')] : []));
    const namesOf = (model: string): string[] =>
      rows
        .filter(([, , , , of]) => of!.trim() === 'both' || of!.includes(`\`${model}\``))
        .flatMap(([, names]) => [...names!.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!))
        .sort();
    for (const model of ['driving', 'driving-camvid']) {
      const { labels } = JSON.parse(await read(`models/${model}/model.json`)) as { labels: readonly string[] };
      expect(namesOf(model)).toEqual([...labels].sort());
    }
  });
});
