/**
 * Signatures of what goes through a queue. A server of a queue is shared by many, and whoever can write to it could have
 * workers read and write files, or slip results into a batch. With a key that the batch and its workers share, neither takes
 * what was not signed with it.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import * as z from '#zod';
import { L2cafError } from '../base/errors.ts';

/** A text and, where there is a key, the signature of it and of what it is for. */
export const signedSchema = z.object({ text: z.string(), signature: z.string().optional() });
/** See {@link signedSchema}. */
export type Signed = z.infer<typeof signedSchema>;

/** Signs with one key, or, without one, not at all. */
export class Signer {
  readonly #key: string | undefined;

  /** @param key any text; undefined for none */
  constructor(key: string | undefined) {
    this.#key = key;
  }

  /** A name for a value, which only holders of the key can find: 64 hexadecimal digits. */
  nameOf(value: unknown): string {
    const text = JSON.stringify(value);
    return this.#key === undefined ? createHash('sha256').update(text).digest('hex') : this.#signatureOf('name', text);
  }

  /**
   * A value, signed.
   *
   * @param purpose what the value is, and of which job, so that it cannot be passed off as anything else
   */
  sign(purpose: string, value: unknown): Signed {
    const text = JSON.stringify(value);
    return this.#key === undefined ? { text } : { text, signature: this.#signatureOf(purpose, text) };
  }

  /**
   * The value, if it can be trusted.
   *
   * @throws L2cafError `answer-invalid` for what is not signed with this key, signed where no key is known, or damaged
   */
  open(purpose: string, signed: unknown): unknown {
    const { data } = signedSchema.safeParse(signed);
    if (data === undefined) throw refused('it is damaged');
    const { text, signature } = data;
    if (this.#key === undefined) {
      if (signature !== undefined) throw refused('it is signed, and there is no key here to check it with');
    } else {
      if (signature === undefined) throw refused('it is not signed');
      const [given, expected] = [Buffer.from(signature), Buffer.from(this.#signatureOf(purpose, text))];
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw refused('it is not signed with the key that is known here');
      }
    }
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw refused('it is damaged', cause);
    }
  }

  #signatureOf(purpose: string, text: string): string {
    return createHmac('sha256', this.#key!).update(`${purpose}\n${text}`).digest('hex');
  }
}

function refused(why: string, cause?: unknown): L2cafError {
  return new L2cafError('answer-invalid', `what came through the queue is not taken: ${why}`, {
    hint: 'batch and workers need the same --queue-secret (or L2CAF_QUEUE_SECRET), or none, and the same version of l2caf',
    cause,
  });
}
