import { OptionError } from "../engine/errors.ts";
import { wholeNumber } from "../engine/whole-number.ts";

/** How long a run is: in steps, or else in minutes until the steps are known. */
export interface TrainingLength {
  /** Steps; of a training in memory by default 1,000, unless minutes are given. */
  readonly steps: number | undefined;
  /** Instead of steps: about this long. The number of steps is fixed while the learning rate warms up. */
  readonly minutes: number | undefined;
}

/** What a saved run knows of its length. */
export interface SavedLength extends TrainingLength {
  readonly step: number;
}

/**
 * How long a run is to be, in steps or else in minutes. A run that is resumed has the length that it was started with,
 * once that is known in steps, unless steps are asked for.
 *
 * @throws OptionError for both, for a number out of range, and for a length that a saved run cannot have.
 */
export function lengthAsked(
  { steps, minutes, out }: Partial<TrainingLength> & { readonly out?: string | undefined },
  saved?: SavedLength,
): TrainingLength {
  if (steps !== undefined && minutes !== undefined) {
    throw new OptionError(`steps is ${steps} and minutes ${minutes}; give one of them`);
  }
  if (minutes !== undefined) {
    if (typeof minutes !== "number" || !(minutes > 0 && minutes <= 1e6)) {
      throw new OptionError(`minutes is ${minutes}; it must be a number above 0, to 1000000`);
    }
    if (saved && saved.minutes !== minutes) {
      const before = saved.minutes === undefined ? `for ${saved.steps} steps` : `for ${saved.minutes} minutes`;
      throw new OptionError(`minutes is ${minutes}, but ${out} was started ${before}; resume it without --minutes`);
    }
    return { steps: saved?.steps, minutes };
  }
  if (steps === undefined && saved) return { steps: saved.steps, minutes: saved.minutes };
  const whole = wholeNumber("steps", steps ?? 1000, 1, 1e9);
  if (saved && whole < saved.step) {
    throw new OptionError(`steps is ${whole}, but ${out} has taken ${saved.step} already; resume it without --steps`);
  }
  return { steps: whole, minutes: undefined };
}
