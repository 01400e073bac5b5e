/** How the learning rate runs over a training. */
export interface Schedule {
  /** The peak. */
  readonly lr: number;
  /** Where the cosine ends. */
  readonly minLr: number;
  /** Steps of linear rise from 0 to the peak. */
  readonly warmupSteps: number;
  /** Steps in all. */
  readonly steps: number;
}

/**
 * The learning rate of step 0, 1, 2, ...: a linear warm-up, then half a cosine down to minLr (MODEL.md, Optimiser).
 * Rises on the first warmupSteps alone, so a run may fix its number of steps during them.
 */
export function learningRate({ lr, minLr, warmupSteps, steps }: Schedule, step: number): number {
  if (step < warmupSteps) return (lr * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  return minLr + (lr - minLr) * 0.5 * (1 + cosineOfHalfTurns(progress));
}

/**
 * cos(pi x) for x in [0, 1], error below 1e-12, from additions and multiplications alone: a host's cosine may differ
 * from another's in the last digit, and a run must repeat anywhere.
 */
export function cosineOfHalfTurns(x: number): number {
  if (x > 0.5) return -cosineOfHalfTurns(1 - x);
  const square = Math.PI * x * (Math.PI * x);
  let term = 1;
  let sum = 1;
  for (let n = 2; n <= 20; n += 2) {
    term *= -square / (n * (n - 1));
    sum += term;
  }
  return sum;
}
