import { storeLanes } from "./lanes";

/** 4 x 4 transposes of 32-bit lanes, in registers: rows a, b, c, d in, columns out. */

/** Stores the four columns `stride` bytes apart. */
@inline
export function storeColumns(to: usize, stride: usize, a: v128, b: v128, c: v128, d: v128): void {
  const lowAB = interleaveLow(a, b), highAB = interleaveHigh(a, b);
  const lowCD = interleaveLow(c, d), highCD = interleaveHigh(c, d);
  v128.store(to, joinLow(lowAB, lowCD));
  v128.store(to + stride, joinHigh(lowAB, lowCD));
  v128.store(to + 2 * stride, joinLow(highAB, highCD));
  v128.store(to + 3 * stride, joinHigh(highAB, highCD));
}

@inline
export function interleaveLow(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}

@inline
export function interleaveHigh(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 6, 3, 7);
}

@inline
export function joinLow(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 1, 4, 5);
}

@inline
export function joinHigh(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 3, 6, 7);
}
