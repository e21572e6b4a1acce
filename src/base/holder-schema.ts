/** A note about who holds something, as it lies on the disk; apart from the rest, as few processes ever find one. */
import * as z from '#zod';

/** The shape of a {@link Holder}. */
export const holderSchema = z.object({
  /** Where its number means it. What a system does not have is left out. */
  place: z.object({
    host: z.string(),
    /** Identifies the installation of the machine. */
    machine: z.string().optional(),
    /** Identifies the time since the machine was started last. */
    boot: z.string().optional(),
    /** Identifies the processes among which numbers are given: a container has its own. */
    processes: z.string().optional(),
  }),
  pid: z.int().positive(),
  /** When it was started, as its system says it. */
  started: z.string().optional(),
  /** Of this one holding and no other. */
  token: z.string().regex(/^\w+$/),
});

/** A process that holds something. */
export type Holder = z.infer<typeof holderSchema>;
