import { at, put } from "./at";

/** y = a + b. */
export function naiveResidualForward(y: usize, a: usize, b: usize, count: u32): void {
  for (let i: usize = 0; i < count; i++) put(y, i, at(a, i) + at(b, i));
}
