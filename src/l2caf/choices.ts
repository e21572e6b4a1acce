/**
 * What can be asked for: names and what they mean, apart from the code that does it, so that a command can list them without
 * loading that.
 */

/** The constraints, `l2` being the paper's own. */
export const CONSTRAINTS = ['l2', 'l1', 'softmax', 'gaussian'] as const;
/**
 * - `l2`: `f / ‖f‖₂`, signed.
 * - `l1`: `f / ‖f‖₁`, signed.
 * - `softmax`: over all cells.
 * - `gaussian`: a bump of standard deviation one cell, sum 1, whose centre is the only unknown.
 */
export type Constraint = (typeof CONSTRAINTS)[number];

/**
 * L2-CAF, Grad-CAM (Eq. 4–6), Grad-CAM-abs (Eq. 7), class activation maps (Zhou et al. 2016) of networks that end in global
 * average pooling and one dense layer, attention rollout (Abnar & Zuidema 2020) of transformers, and the fused map of a class
 * (Zhang et al. 2018) of networks with ACoL's two branches.
 */
export const METHODS = ['l2caf', 'gradcam', 'gradcam-abs', 'cam', 'rollout', 'acol'] as const;
/** See {@link METHODS}. */
export type Method = (typeof METHODS)[number];

/** What can be asked for; `auto` takes the first of the others that applies and is not needlessly slow. */
export const SOLVER_CHOICES = ['auto', 'closed-form', 'gauss-newton', 'quasi-newton', 'gd'] as const;
/** What can be asked for. */
export type SolverChoice = (typeof SOLVER_CHOICES)[number];

/** The words of a verdict, from what may be believed to what may not. */
export const VERDICTS = [
  'says what the network uses',
  'shows what the first layers see',
  'unstable',
  'nothing here matters',
] as const;
/** See {@link VERDICTS}. */
export type Verdict = (typeof VERDICTS)[number];
