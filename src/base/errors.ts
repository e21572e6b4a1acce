/**
 * The errors l2caf throws on purpose, and how errors cross between threads, processes and machines. Each carries a code that programs can test, a message of one line that says what
 * is wrong and where, and, where there is something to be done, a hint. Anything else that is thrown is a bug.
 */

/** What kind of thing went wrong; `usage` becomes exit code 2, `aborted` 130, all others 1. */
export type ErrorCode =
  | 'usage'
  | 'input-not-found'
  | 'input-unreadable'
  | 'input-changed'
  | 'time-span'
  | 'ffmpeg-missing'
  | 'ffmpeg-failed'
  | 'ffmpeg-crashed'
  | 'ffmpeg-killed'
  | 'backend-unavailable'
  | 'model-unknown'
  | 'model-invalid'
  | 'weights-invalid'
  | 'download-failed'
  | 'output-unwritable'
  | 'output-exists'
  | 'analysis-invalid'
  | 'shape-mismatch'
  | 'diverged'
  | 'worker-lost'
  | 'answer-invalid'
  | 'queue-unavailable'
  | 'package-missing'
  | 'package-invalid'
  | 'aborted';

/** A failure with a known reason: shown to the user as `message`, then `hint`, without a stack trace. */
export class L2cafError extends Error {
  override readonly name = 'L2cafError';
  readonly code: ErrorCode;
  /** What the user can do next, one line. */
  readonly hint?: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(bounded(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
  }
}

/** No line is longer, whatever of the input it quotes. */
const MAX_LINE = 1000;

function bounded(message: string): string {
  if (message.length <= MAX_LINE) return message;
  return message
    .split('\n')
    .map((line) => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE - 2)} …` : line))
    .join('\n');
}

/** Fails the compilation when a `switch` over a union forgets a case, and the run if one slips through. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

/** Throws an `aborted` error if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new L2cafError('aborted', 'interrupted', { cause: signal.reason });
}

/** What the operating system's commonest refusals mean. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'there is something else of that name',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ELOOP: 'its links lead in a circle',
  ENOSPC: 'the disk is full',
  ENAMETOOLONG: 'the name is too long',
  EDQUOT: "the disk's quota is used up",
  EIO: 'the disk does not work as it should',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

/** The message of anything that was thrown, on one line; the operating system's codes in words. */
export function messageOf(error: unknown): string {
  const words = error instanceof Error && 'syscall' in error && 'code' in error && SYSTEM_ERRORS[String(error.code)];
  if (words) return words;
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split(/\s*\n\s*/)[0] ?? '';
}

/** The operating system's code (`ENOSPC`, …) of an error, or of what caused it; undefined when it is not the system's. */
export function systemCodeOf(error: unknown): string | undefined {
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    if ('code' in at && typeof at.code === 'string' && /^E[A-Z0-9]+$/.test(at.code)) return at.code;
  }
  return undefined;
}

/** An error as it crosses between threads, processes and machines: classes and causes do not. */
export interface ErrorValues {
  readonly message: string;
  /** Of an {@link L2cafError}. */
  readonly code?: ErrorCode | undefined;
  readonly hint?: string | undefined;
  /** See {@link systemCodeOf}. */
  readonly systemCode?: string | undefined;
  readonly stack?: string | undefined;
}

/** What crosses of anything that was thrown. */
export function valuesOf(error: unknown): ErrorValues {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const { code, hint }: Partial<L2cafError> = error instanceof L2cafError ? error : {};
  const systemCode = systemCodeOf(error);
  return {
    message,
    ...(code && { code }),
    ...(hint && { hint }),
    ...(systemCode && { systemCode }),
    ...(stack && { stack }),
  };
}

/** The error on the other side; the place where it was thrown is that of its cause. */
export function errorFrom({ message, code, hint, systemCode, stack }: ErrorValues): Error {
  const cause = Object.assign(new Error(message), { ...(stack && { stack }), ...(systemCode && { code: systemCode }) });
  return code ? new L2cafError(code, message, { ...(hint && { hint }), cause }) : cause;
}
