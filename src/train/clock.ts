/** Steps over which a speed is averaged. */
const RECENT = 20;

/** Times steps, and nothing between them. */
export class Clock {
  /** Spent in steps, those before a resume included. */
  seconds: number;
  readonly #recent: number[] = [];
  #started = 0;

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  /** Before a step. */
  start(): void {
    this.#started = performance.now();
  }

  /** After it. */
  stop(): void {
    const seconds = (performance.now() - this.#started) / 1000;
    this.seconds += seconds;
    if (this.#recent.push(seconds) > RECENT) this.#recent.shift();
  }

  /** Mean of the last steps. */
  get secondsPerStep(): number {
    return this.#recent.reduce((a, b) => a + b, 0) / this.#recent.length;
  }

  /**
   * How many steps fit into a time, once that can be told: after a twentieth of it, or at the end of the warm-up,
   * until which the learning rate does not depend on the answer. The first steps, which the compiler slows, are not
   * counted.
   */
  stepsWithin(budget: number, step: number, warmupSteps: number): number | undefined {
    if (this.seconds < budget / 20 && step < warmupSteps) return undefined;
    const steady = this.#recent.slice(Math.floor(this.#recent.length / 2));
    const secondsPerStep = steady.reduce((a, b) => a + b, 0) / steady.length;
    return step + Math.max(0, Math.round((budget - this.seconds) / secondsPerStep));
  }
}
