/** Questions as files state them; apart from `questions.ts`, which pages use, too. */
import * as z from '#zod';

/** A question, by the names of its classes; see `Question`. */
export const questionSchema = z.object({
  name: z.string().min(1),
  labels: z.array(z.string()).min(1),
  others: z.array(z.string()).min(1).optional(),
  temperature: z.number().positive().optional(),
});

/** What classes answer; each class answers one question. */
export const questionsSchema = z.array(questionSchema).min(1);

/** A question by the names of its classes. */
export type NamedQuestion = z.infer<typeof questionSchema>;
