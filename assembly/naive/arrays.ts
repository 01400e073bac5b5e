import { exp } from "../numeric/exp";
import { rsqrt } from "../numeric/rsqrt";
import { sigmoid } from "../numeric/sigmoid";

/** The fast functions of assembly/numeric over whole float32 arrays, `count` a multiple of 4, so that a test may scan their range. */

/** out = exp(x), by the kernels' own exp. */
export function expArray(out: usize, x: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) v128.store(out + (<usize>i << 2), exp(v128.load(x + (<usize>i << 2))));
}

/** out = sigmoid(x), by the kernels' own sigmoid. */
export function sigmoidArray(out: usize, x: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) v128.store(out + (<usize>i << 2), sigmoid(v128.load(x + (<usize>i << 2))));
}

/** out = 1 / sqrt(x), by the kernels' own rsqrt. */
export function rsqrtArray(out: usize, x: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<f32>(out + (<usize>i << 2), rsqrt(load<f32>(x + (<usize>i << 2))));
}
