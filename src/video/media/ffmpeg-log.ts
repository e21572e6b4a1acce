/** What ffmpeg and ffprobe log: their complaints about a file, and why they gave up. */
import { L2cafError, messageOf } from '../../base/errors.ts';
import type { Binary } from './binaries.ts';

/** How a process ended. */
export interface ProcessEnd {
  code?: number | null;
  signal?: NodeJS.Signals | null;
  /** Whether we ended it. */
  isStopped?: boolean;
}

/** What a process logged: the end of it, and its complaints. */
export class Log {
  /** fluent-ffmpeg's ring of lines is joined for its error message; ours is kept apart from the lines of `showinfo`. */
  readonly lastLines: string[] = [];
  readonly complaints: string[] = [];
  /** The signal that it says it ends for, by its number. */
  heeded: number | undefined;

  /** Takes what was logged into account, a line at a time. */
  add(line: string): void {
    const [, signal] = HEEDED.exec(line) ?? [];
    if (signal !== undefined) this.heeded = Number(signal);
    this.lastLines.push(line);
    if (this.lastLines.length > 50) this.lastLines.shift();
    const complaint = COMPLAINT.test(line) ? withoutPart(line) : strangeIn(line);
    if (complaint !== undefined && this.complaints.length < COMPLAINTS_KEPT) this.complaints.push(complaint);
  }
}

/** ffmpeg's levels of severity, which it names in each line; it warns of incomplete packets and frames with errors. */
const COMPLAINT = /\[(error|fatal|panic)\] |corrupt (input packet|decoded frame)|packet corrupt/i;
const COMPLAINTS_KEPT = 100;

/** A line of `showinfo` about a frame: its name, and what it says. */
const OF_FRAME = /showinfo\S*(?: @ \S+)?\] \[info\] (.*\b(?:n|checksum|mean|stdev): *\[?\d.*)$/;
/** A name and what it stands for, such as `pts: 200`, `s:64x48` and `mean:[126 128 128]`. */
const OWN_FIELD = /[a-z_]+: *(?:\[[^\]]*\]|\S+)/gi;
/** A word, not a number in hexadecimal. */
const WORD = /(?:^|\s)[a-z]{3,}(?=\s|$)/i;

/**
 * What a line about a frame says beside its fields: it is written in several parts, and where a decoder complains in between, in
 * a thread of its own, that has no severity before it. Undefined where there is nothing.
 */
function strangeIn(line: string): string | undefined {
  const rest = OF_FRAME.exec(line)?.[1]?.replace(OWN_FIELD, '').trim();
  return rest !== undefined && WORD.test(rest) ? rest : undefined;
}

/** How ffmpeg says that it was told to end (SIGINT, SIGTERM), which it does in order, with an exit code of its own. */
const HEEDED = /Exiting normally, received signal (\d+)/;
const HEEDED_EXIT_CODE = 255;

/** A line without the name and address of the part that said it. */
function withoutPart(line: string): string {
  return line.replace(/^(\[[^\]]*\] )+/, '').replaceAll('file:', '');
}

/** What ffmpeg says after, or beside, the line that tells why it gave up. */
const NOT_WHY =
  /^(\s|Conversion failed|Qavg:|frame=|video:|Exiting|Stream mapping|Error (opening|selecting|initializing|sending)|\[out#)/;

/** The signals with which a system ends a program for its own mistakes. */
const CRASHES: ReadonlySet<string> = new Set('SIGSEGV SIGBUS SIGABRT SIGILL SIGFPE SIGTRAP SIGSYS'.split(' '));
const HINTS = {
  'ffmpeg-crashed':
    'this executable failed, the video need not be at fault: choose another one with FFMPEG_PATH or FFPROBE_PATH (l2caf doctor tries those that are there)',
  'ffmpeg-killed':
    'something else on this machine ended it, as systems do when memory runs out; the video need not be at fault: run the command again',
} as const;

/** What ffmpeg said last, and, where it did not simply give up, which executable ended how; the cause holds all of it. */
export function failure(error: unknown, { lastLines: lines, heeded }: Log, binary: Binary, end: ProcessEnd): unknown {
  const thrownByInput = (error as { inputStreamError?: unknown }).inputStreamError;
  if (thrownByInput !== undefined) return thrownByInput;
  if (/^spawn/.test((error as NodeJS.ErrnoException).syscall ?? '')) {
    return new L2cafError('ffmpeg-failed', `${binary.path} cannot be started: ${messageOf(error)}`, { cause: error });
  }
  const said = lines
    .map(withoutPart)
    .filter((line) => /\S/.test(line) && !NOT_WHY.test(line))
    .at(-1);
  const cause = new Error(lines.join('\n'), { cause: error });
  const signal = end.signal ?? (end.code === HEEDED_EXIT_CODE ? heeded : undefined);
  if (signal && !end.isStopped) {
    const last = said === undefined ? '' : `; it said last: ${said}`;
    const name = `${binary.path} (version ${binary.version})`;
    const code = CRASHES.has(String(signal)) ? 'ffmpeg-crashed' : 'ffmpeg-killed';
    return new L2cafError(code, `${name} was ended by the signal ${signal}${last}`, { hint: HINTS[code], cause });
  }
  return new L2cafError('ffmpeg-failed', said ?? messageOf(error), { cause });
}
