import { OptionError } from "../engine/errors.ts";
import { RandomSequence } from "../engine/random.ts";
import { likeliest, likeliestOf } from "./likeliest.ts";
import type { Runner } from "./runner.ts";

/** How the next token is chosen. Filters apply in the order in which they stand here. */
export interface SamplingOptions {
  /** Divides the logits of tokens seen so far (multiplies negative ones); 1 changes nothing (CTRL, Keskar 2019). */
  readonly repetitionPenalty: number;
  /** Divides all logits; 0 always takes the likeliest token. */
  readonly temperature: number;
  /** Keeps only the K likeliest; 0 keeps all. */
  readonly topK: number;
  /** Keeps the likeliest that together reach this probability; 1 keeps all (Holtzman 2020). */
  readonly topP: number;
  /** Drops what is less likely than this share of the likeliest; 0 keeps all (Nguyen 2024). */
  readonly minP: number;
  /** A whole number below 2^32; the same seed draws the same tokens on every host. */
  readonly seed: number;
}

/** The defaults, those of the release: temperature 0.8, top-k 50. */
const samplingDefaults: SamplingOptions = {
  repetitionPenalty: 1,
  temperature: 0.8,
  topK: 50,
  topP: 1,
  minP: 0,
  seed: 0,
};

const ranges: Record<keyof SamplingOptions, { low: number; high: number; whole?: boolean; aboveLow?: boolean }> = {
  repetitionPenalty: { low: 0, high: 100, aboveLow: true },
  temperature: { low: 0, high: 100 },
  topK: { low: 0, high: 65_536, whole: true },
  topP: { low: 0, high: 1, aboveLow: true },
  minP: { low: 0, high: 1 },
  seed: { low: 0, high: 2 ** 32 - 1, whole: true },
};

/** Fills in defaults. @throws OptionError naming the first option out of its range. */
export function parseSampling(options: Partial<SamplingOptions>): SamplingOptions {
  const sampling = { ...samplingDefaults };
  for (const name of Object.keys(ranges) as (keyof SamplingOptions)[]) {
    const value = options[name];
    if (value === undefined) continue;
    const { low, high, whole, aboveLow } = ranges[name];
    if (!(value >= low && value <= high) || (aboveLow && value === low) || (whole && !Number.isInteger(value))) {
      const kind = whole ? "a whole number" : "a number";
      throw new OptionError(`${name} is ${value}; it must be ${kind} ${aboveLow ? "above" : "from"} ${low} to ${high}`);
    }
    sampling[name] = value;
  }
  return sampling;
}

/** Draws tokens. Probabilities are the engine's, comparisons and sums plain float64: the same draw on every host. */
export class Sampler {
  readonly #runner: Runner;
  readonly #options: SamplingOptions;
  readonly #random: RandomSequence;
  readonly #seen = new Set<number>();

  constructor(runner: Runner, options: SamplingOptions) {
    this.#runner = runner;
    this.#options = options;
    this.#random = new RandomSequence(options.seed);
  }

  /** Counts tokens as seen, for the repetition penalty. */
  observe(ids: Iterable<number>): void {
    for (const id of ids) this.#seen.add(id);
  }

  /** Chooses the next token from its logits, and observes it. */
  next(logits: Float32Array): number {
    const { temperature } = this.#options;
    const penalised = this.#penalise(logits);
    const id =
      temperature === 0 ? likeliest(penalised) : this.#draw(this.#runner.probabilities(penalised, temperature));
    this.#seen.add(id);
    return id;
  }

  #penalise(logits: Float32Array): Float32Array {
    const { repetitionPenalty } = this.#options;
    if (repetitionPenalty === 1) return logits;
    const penalised = logits.slice();
    for (const id of this.#seen) {
      penalised[id] = penalised[id] > 0 ? penalised[id] / repetitionPenalty : penalised[id] * repetitionPenalty;
    }
    return penalised;
  }

  #draw(probabilities: Float32Array): number {
    const { topK, topP, minP } = this.#options;
    const floor = minP * probabilities[likeliest(probabilities)];
    const kept = topK > 0 && topK < probabilities.length ? likeliestOf(probabilities, topK) : [...probabilities.keys()];
    let candidates = kept.filter((id) => probabilities[id] > 0 && probabilities[id] >= floor);
    if (topP < 1) candidates = nucleus(probabilities, candidates, topP);
    let left = this.#random.next() * candidates.reduce((sum, id) => sum + probabilities[id], 0);
    for (const id of candidates) {
      left -= probabilities[id];
      if (left < 0) return id;
    }
    return candidates[candidates.length - 1];
  }
}

/** The likeliest candidates that together reach `share` of all candidates' probability. */
function nucleus(probabilities: Float32Array, candidates: readonly number[], share: number): number[] {
  const sorted = [...candidates].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  const enough = share * sorted.reduce((sum, id) => sum + probabilities[id], 0);
  let total = 0;
  let count = 0;
  while (count < sorted.length && total < enough) total += probabilities[sorted[count++]];
  return sorted.slice(0, count);
}
