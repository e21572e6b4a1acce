/**
 * What can be asked for: names and what they mean, apart from the code that does it, so that a command can list them without
 * loading that.
 */

/** What can be made of an event. The first two always are. */
export const OUTPUTS = ['json', 'thumbnail', 'strip', 'mp4', 'report'] as const;
/** See {@link OUTPUTS}. */
export type Output = (typeof OUTPUTS)[number];
