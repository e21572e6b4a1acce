/**
 * What can be asked for: names and what they mean, apart from the code that does it, so that a command can list them without
 * loading that.
 */

/** Which triplets of a batch count. */
export const MININGS = ['all', 'semi-hard', 'batch-hard'] as const;
/**
 * `all`: every anchor, positive, negative. `semi-hard`: the negative is farther than the positive, but by less than the
 * margin. `batch-hard`: of each anchor, its farthest positive and its nearest negative.
 */
export type Mining = (typeof MININGS)[number];

/** Metric losses that can be trained with. */
export const METRIC_LOSSES = ['triplet', 'npair'] as const;
/** See {@link METRIC_LOSSES}. */
export type MetricLoss = (typeof METRIC_LOSSES)[number];
