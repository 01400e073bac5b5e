import type { ModelConfig, Preset } from "../engine/config.ts";
import { OptionError } from "../engine/errors.ts";
import type { OptimizerSettings } from "./learner.ts";

/** Everything that decides the numbers of a run, besides the model and the text. */
export interface TrainingSettings extends OptimizerSettings {
  /** Sequences in a micro-batch. */
  readonly batch: number;
  /** Micro-batches in a step. */
  readonly accumulate: number;
  /** The peak of the learning rate. */
  readonly lr: number;
  /** Where the cosine that it falls by ends. */
  readonly minLr: number;
  /** Steps of linear rise to the peak. */
  readonly warmupSteps: number;
  /** Of the initial weights, the order of windows, and random rounding; a whole number below 2^32. */
  readonly seed: number;
}

/** What a preset trains with unless told otherwise. */
export const presetSettings: Record<Preset, TrainingSettings> = {
  tiny: settings({ batch: 8, accumulate: 1, lr: 4e-3, warmupSteps: 40 }),
  small: settings({ batch: 16, accumulate: 1, lr: 3e-3, warmupSteps: 100 }),
  // docs/recipe.md
  medium: { ...settings({ batch: 8, accumulate: 1, lr: 5e-3, warmupSteps: 200 }), minLr: 0 },
  // the release's: 32,768 tokens a step
  v5: settings({ batch: 8, accumulate: 16, lr: 3e-3, warmupSteps: 500 }),
};

function settings(own: Pick<TrainingSettings, "batch" | "accumulate" | "lr" | "warmupSteps">): TrainingSettings {
  return { ...own, minLr: own.lr / 10, seed: 0, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.05, clip: 1 };
}

const ranges: Record<keyof TrainingSettings, { low: number; high: number; whole?: boolean }> = {
  batch: { low: 1, high: 65_536, whole: true },
  accumulate: { low: 1, high: 65_536, whole: true },
  lr: { low: 0, high: 10 },
  minLr: { low: 0, high: 10 },
  warmupSteps: { low: 0, high: 1e9, whole: true },
  seed: { low: 0, high: 2 ** 32 - 1, whole: true },
  beta1: { low: 0, high: 0.999999 },
  beta2: { low: 0, high: 0.999999 },
  eps: { low: 1e-12, high: 1 },
  weightDecay: { low: 0, high: 10 },
  clip: { low: 1e-6, high: 1e9 },
};

/** Replaces some of a preset's settings. @throws OptionError naming the first that is out of its range. */
export function deriveSettings(base: TrainingSettings, changes: Partial<TrainingSettings>): TrainingSettings {
  const merged = { ...base };
  for (const name of Object.keys(ranges) as (keyof TrainingSettings)[]) {
    const value = changes[name];
    if (value === undefined) continue;
    const { low, high, whole } = ranges[name];
    if (typeof value !== "number" || !(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
      throw new OptionError(
        `${name} is ${value}; it must be ${whole ? "a whole number" : "a number"} from ${low} to ${high}`,
      );
    }
    merged[name] = value;
  }
  if (changes.lr !== undefined && changes.minLr === undefined) merged.minLr = merged.lr * (base.minLr / base.lr);
  return merged;
}

/** Tokens in a step. */
export function tokensPerStep(config: ModelConfig, { batch, accumulate }: TrainingSettings): number {
  return batch * accumulate * config.seqLen;
}
