/** An ffmpeg or ffprobe that is ended from outside says nothing about the video, and is not taken for damage. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readEventList } from '../../../src/events/list.ts';
import { findFfmpeg, findFfprobe } from '../../../src/video/media/binaries.ts';
import { runFfmpeg } from '../../../src/video/media/ffmpeg.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt } from '../../../src/video/media/sample.ts';
import { makeClip } from '../../support/clips.ts';

let folder: string;
let clip: string;
let programs: { readonly ffmpeg: string; readonly ffprobe: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-killed-'));
  clip = await makeClip(join(folder, 'clip.mp4'), { frames: 50 });
  programs = { ffmpeg: (await findFfmpeg()).path, ffprobe: (await findFfprobe()).path };
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => rm(folder, { recursive: true }));

/** Puts a script in the place of ffmpeg or ffprobe; `$real` in it is the program. */
async function pretend(name: 'ffmpeg' | 'ffprobe', script: string): Promise<void> {
  const path = join(folder, `${name}-${Math.random()}`);
  await writeFile(path, `#!/bin/sh\nreal='${programs[name]}'\n${script}\n`);
  await chmod(path, 0o755);
  for (const known of ['ffmpeg', 'ffprobe'] as const) {
    vi.stubEnv(`${known.toUpperCase()}_PATH`, known === name ? path : programs[known]);
  }
}

const nowhere = (): Writable => new Writable({ emitClose: false, write: (_chunk, _encoding, done) => done() });

it('that cannot be started is named', async () => {
  const path = join(folder, 'gone');
  const binary = { path, source: 'a test', version: '5', renamed: {} };
  const job = { inputs: [{ source: clip, options: [] }], options: ['-f', 'null'], output: nowhere() };
  await expect(runFfmpeg({ ...job, binary })).rejects.toMatchObject({
    code: 'ffmpeg-failed',
    message: `${path} cannot be started: there is no such file or folder`,
  });
});

describe.skipIf(process.platform === 'win32')('a program that is ended from outside', () => {
  const job = () => ({ inputs: [{ source: clip, options: ['-re'] }], options: ['-f', 'null'], output: nowhere() });

  /** Waits until ffmpeg, which logs into a file, is at work. */
  const BEGUN = 'until grep -q Output "$0.log"; do sleep 0.05; done';
  it.each([
    ['KILL', 'ffmpeg-killed', 'kill -KILL $$'],
    [
      'TERM',
      'ffmpeg-killed',
      `"$real" "$@" 2> "$0.log" & ${BEGUN}; kill -TERM $!; wait $!; code=$?; cat "$0.log" >&2; exit $code`,
    ],
    ['SEGV', 'ffmpeg-crashed', 'kill -SEGV $$'],
  ])('by SIG%s has that code: %s', async (signal, code, script) => {
    await pretend('ffmpeg', `case "$*" in *-re*) ${script};; *) exec "$real" "$@";; esac`);
    const number = { KILL: 'SIGKILL', TERM: '15', SEGV: 'SIGSEGV' }[signal]!;
    const message = expect.stringContaining(`was ended by the signal ${number}`);
    await expect(runFfmpeg(job())).rejects.toMatchObject({ code, message });
  });

  it('by what a terminal sends to this process, too, is an interruption', async () => {
    for (const name of ['ffmpeg', 'ffprobe'] as const) {
      await pretend(
        name,
        `case "$*" in *-re*|*-show_*) touch '${folder}/${name}-ended'; kill -INT $$;; *) exec "$real" "$@";; esac`,
      );
      const controller = new AbortController();
      const { signal } = controller;
      const run = name === 'ffmpeg' ? runFfmpeg({ ...job(), signal }) : probeClip(clip, signal);
      run.catch(() => {});
      await vi.waitUntil(() => existsSync(join(folder, `${name}-ended`)), { timeout: 20_000 });
      await setTimeout(100);
      controller.abort();
      await expect(run, name).rejects.toMatchObject({ code: 'aborted' });
    }
  });

  it('while it looks for damage, makes no frame a damaged one', async () => {
    const bytes = await readFile(clip);
    bytes.fill(0x55, bytes.length >> 2, (bytes.length >> 2) + 300);
    const damaged = join(folder, 'damaged.mp4');
    await writeFile(damaged, bytes);
    const frames = async () =>
      framesAt(await probeClip(damaged), [0.4, 0.8, 1.2], { size: { width: 32, height: 32 } }).then(() => 'frames');
    expect(await frames()).toBe('frames');
    await pretend('ffprobe', 'case "$*" in *show_log*) kill -KILL $$;; *) exec "$real" "$@";; esac');
    await expect(frames()).rejects.toMatchObject({ code: 'ffmpeg-killed' });
  });

  it('while a list is read, is tried again', async () => {
    await writeFile(join(folder, 'list.csv'), 'video,start,end\nclip.mp4,0,1\n');
    const once = join(folder, 'once');
    await pretend(
      'ffprobe',
      `[ "$1" = -version ] || [ -e '${once}' ] || { touch '${once}'; kill -KILL $$; }; exec "$real" "$@"`,
    );
    const look = async (path: string) => ({ clip: await probeClip(path) });
    const { events, problems } = await readEventList(join(folder, 'list.csv'), look);
    expect(problems).toEqual([]);
    expect(events).toHaveLength(1);
    await pretend('ffprobe', '[ "$1" = -version ] || kill -KILL $$; exec "$real" "$@"');
    await copyFile(clip, join(folder, 'other.mp4'));
    await writeFile(join(folder, 'list.csv'), 'video,start,end\nother.mp4,0,1\n');
    const always = await readEventList(join(folder, 'list.csv'), look);
    expect(always.problems).toEqual([expect.stringMatching(/line 2: .* was ended by the signal SIGKILL$/)]);
  });

  it('is not ended by Ctrl-C, which reaches the whole group of processes of a terminal', async () => {
    const groupOf = (pid: number | string): string =>
      execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const groups: string[] = [];
    await pretend('ffmpeg', 'echo "group $(ps -o pgid= -p $$)" >&2; exec "$real" "$@"');
    const onLine = (line: string): void => void groups.push(...(/^group +(\d+)/.exec(line)?.slice(1) ?? []));
    await runFfmpeg({ ...job(), inputs: [{ source: clip }], onLine });
    expect(groups).toHaveLength(1);
    expect(groups).not.toContain(groupOf(process.pid));
  });
});
