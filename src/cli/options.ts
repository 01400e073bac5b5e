import { InvalidArgumentError } from "commander";

/** Reads a number from the command line; what it may be is checked where it is used. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("expected a number.");
  return value;
}

/** Collects the values of an option that may be given several times. */
export function several(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** The option that all commands that run kernels have. */
export const kernelsOption = [
  "--kernels <set>",
  "simd, relaxed or single; by default the best here (env THUNDERBOLT_KERNELS)",
] as const;

/** The option of commands that share their work out. */
export const workersOption = [
  "--workers <w>",
  "threads (default all cores); the result does not depend on it",
  number,
] as const;

/** Which kernels were asked for, by flag or environment. */
export function kernelsAsked(flag: string | undefined): string | undefined {
  return flag ?? (process.env.THUNDERBOLT_KERNELS || undefined);
}
