import { count } from "../web/figures.ts";

export { count, duration } from "../web/figures.ts";

/** A loss, a score: to three places. */
export function score(value: number): string {
  return value.toFixed(3);
}

/** A share, in per cent. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** A number of tokens that need not be whole: three digits. */
export function tokens(value: number): string {
  return value >= 1000 ? count(value) : value === 0 ? "0" : String(Number(value.toPrecision(3)));
}
