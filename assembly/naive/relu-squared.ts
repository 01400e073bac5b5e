import { at, put } from "./at";

/** y = relu(x)^2. */
export function naiveReluSquaredForward(y: usize, x: usize, count: u32): void {
  for (let i: usize = 0; i < count; i++) put(y, i, at(x, i) > 0 ? at(x, i) * at(x, i) : 0);
}

/** dx = dy * 2 relu(x). */
export function naiveReluSquaredBackward(dx: usize, dy: usize, x: usize, count: u32): void {
  for (let i: usize = 0; i < count; i++) put(dx, i, at(x, i) > 0 ? at(dy, i) * 2 * at(x, i) : 0);
}
