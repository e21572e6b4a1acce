/**
 * The errors l2caf throws on purpose. Each carries a code that programs can test, a message of one line that says what
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
  | 'backend-unavailable'
  | 'model-unknown'
  | 'model-invalid'
  | 'weights-invalid'
  | 'download-failed'
  | 'output-unwritable'
  | 'analysis-invalid'
  | 'shape-mismatch'
  | 'diverged'
  | 'worker-lost'
  | 'queue-unavailable'
  | 'package-missing'
  | 'aborted';

/** A failure with a known reason: shown to the user as `message`, then `hint`, without a stack trace. */
export class L2cafError extends Error {
  override readonly name = 'L2cafError';
  readonly code: ErrorCode;
  /** What the user can do next, one line. */
  readonly hint?: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
  }
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
};

/** The message of anything that was thrown, on one line; the operating system's codes in words. */
export function messageOf(error: unknown): string {
  const words = error instanceof Error && 'syscall' in error && 'code' in error && SYSTEM_ERRORS[String(error.code)];
  if (words) return words;
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split(/\s*\n\s*/)[0] ?? '';
}
