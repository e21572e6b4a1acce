/**
 * `npm run docs`: writes docs/commands.md, and the documentation as a site of static pages, `.cache/site/index.html`: the README, the
 * pages of docs/ and what programs can import (typedoc). Links that lead nowhere are errors.
 */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { commandsPage } from './commands-page.ts';

process.chdir(join(import.meta.dirname, '..'));
await writeFile(join('docs', 'commands.md'), await commandsPage());
const how = { stdio: 'inherit', shell: process.platform === 'win32' } as const;
const { status } = spawnSync('npx', ['--no-install', 'typedoc', '--options', 'typedoc.site.json'], how);
process.exit(status ?? 1);
