/**
 * `npm run docs`: writes docs/commands.md and a page for each command, and the documentation as a site of static pages,
 * `.cache/site/index.html`: the README, the pages of docs/ and what programs can import (typedoc). Links that lead nowhere are errors.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { commandPages } from './commands-page.ts';

process.chdir(join(import.meta.dirname, '..'));
await rm(join('docs', 'commands'), { recursive: true, force: true });
await mkdir(join('docs', 'commands'));
for (const [path, text] of await commandPages()) await writeFile(join('docs', path), text);
const how = { stdio: 'inherit', shell: process.platform === 'win32' } as const;
const { status } = spawnSync('npx', ['--no-install', 'typedoc', '--options', 'typedoc.site.json'], how);
process.exit(status ?? 1);
