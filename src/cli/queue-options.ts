/**
 * The options of `batch` and `worker` that say which queue is meant. What must stay secret never stands on the command line,
 * where everybody on the machine can read it, unless the user has put it into the address: it is read from a file or from the
 * environment.
 */
import { Option } from 'commander';
import { L2cafError } from '../base/errors.ts';
import { readInput } from '../base/input-files.ts';
import { parseQueueAddress, type QueueAddress } from '../batch/queue-server.ts';
import type { Signer } from '../batch/signatures.ts';

/** What the options give. */
export interface QueueFlags {
  readonly queue: QueueAddress;
  /** Files. */
  readonly queuePassword?: string;
  readonly queueSecret?: string;
}

/** `--queue`. */
export function queueOption(description: string): Option {
  return new Option('--queue <address>', description).argParser(parseQueueAddress);
}

/** `--queue-password`. */
export function queuePasswordOption(): Option {
  return new Option('--queue-password <file>', "file with the server's password (or: L2CAF_QUEUE_PASSWORD)");
}

/** `--queue-secret`. */
export function queueSecretOption(): Option {
  return new Option(
    '--queue-secret <file>',
    'file with a key that batch and workers share, so that they take events and answers from each other alone (or: L2CAF_QUEUE_SECRET)',
  );
}

/** The shortest key: shorter ones can be guessed. */
const MIN_KEY_CHARACTERS = 16;
/** Nothing that is typed or generated is longer. */
const MAX_SECRET_BYTES = 1 << 16;

/**
 * The address with its password, and the signatures. A file goes before the environment, and both before the address.
 *
 * @throws L2cafError `usage`; as `readInput`
 */
export async function queueAccess(
  { queue, queuePassword, queueSecret }: QueueFlags,
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly address: QueueAddress; readonly signer: Signer }> {
  const password = await secretOf(queuePassword, env['L2CAF_QUEUE_PASSWORD']);
  const key = await secretOf(queueSecret, env['L2CAF_QUEUE_SECRET']);
  if (key !== undefined && key.length < MIN_KEY_CHARACTERS) {
    throw new L2cafError('usage', `the key of the queue has fewer than ${MIN_KEY_CHARACTERS} characters`, {
      hint: 'make one with: openssl rand -hex 32',
    });
  }
  const address = password === undefined ? queue : { ...queue, options: { ...queue.options, password } };
  const { Signer } = await import('../batch/signatures.ts');
  return { address, signer: new Signer(key) };
}

/** The text of the file without the end of its line, or that of the environment. */
async function secretOf(path: string | undefined, fromEnvironment: string | undefined): Promise<string | undefined> {
  if (path === undefined) return fromEnvironment === '' ? undefined : fromEnvironment;
  const text = (await readInput(path, { maxBytes: MAX_SECRET_BYTES })).toString('utf8').replace(/[\r\n]+$/, '');
  if (text === '') throw new L2cafError('usage', `${path} is empty`, { hint: 'it must hold the secret' });
  return text;
}
