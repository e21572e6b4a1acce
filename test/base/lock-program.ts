/**
 * A program that takes locks. With a path: again and again, each time with a note beside it that nobody else may find while
 * this process is there. Without: for each line of its input, `take PATH` or `give`, it says what came of it.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { takeLock } from '../../src/base/lock.ts';

const [path] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const take = (wanted: string): Promise<(() => Promise<void>) | undefined> =>
  takeLock(wanted).catch((error: Error) => {
    if (!/another run, process \d+, is writing/.test(error.message)) say(`error ${error.message}`);
    return undefined;
  });

if (path !== undefined) {
  for (;;) {
    const give = await take(path);
    if (give === undefined) continue;
    const inside = `${path}-inside`;
    const other = Number(await readFile(inside, 'utf8').catch(() => '0'));
    if (other !== 0 && isRunning(other)) say(`error ${other} is inside, too`);
    await writeFile(inside, String(process.pid));
    say('held');
    await rm(inside);
    await give();
  }
}

let give: (() => Promise<void>) | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'give') {
    await give?.();
    say('given');
  } else {
    give = await take(line.replace(/^take /, ''));
    say(give ? 'held' : 'refused');
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
