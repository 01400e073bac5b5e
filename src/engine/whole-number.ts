import { OptionError } from "./errors.ts";

/** @throws OptionError if a value is no whole number from low to high. */
export function wholeNumber(name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new OptionError(`${name} is ${value}; it must be a whole number from ${low} to ${high}`);
  }
  return value;
}
