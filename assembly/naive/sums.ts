import { at, put } from "./at";

/** sum of x^2. */
export function naiveSumOfSquares(x: usize, count: u32): f64 {
  let sum: f64 = 0;
  for (let i: usize = 0; i < count; i++) sum += at(x, i) * at(x, i);
  return sum;
}

/** sum of |x|. */
export function naiveSumOfAbsolutes(x: usize, count: u32): f64 {
  let sum: f64 = 0;
  for (let i: usize = 0; i < count; i++) sum += abs<f64>(at(x, i));
  return sum;
}

/** out[i] (+)= sum of x[part][i]. */
export function naiveSumParts(out: usize, x: usize, parts: u32, stride: u32, count: u32, accumulate: bool): void {
  for (let i: usize = 0; i < count; i++) {
    let sum: f64 = accumulate ? at(out, i) : 0;
    for (let part: usize = 0; part < parts; part++) sum += at(x, part * stride + i);
    put(out, i, sum);
  }
}
