/**
 * 1 / sqrt(x), relative error below 9e-8 (measured for every float32 in [1, 4), which stand for all): the square root
 * and the quotient are each correctly rounded on every host, which an approximate instruction would not be.
 */
@inline
export function rsqrt(x: f32): f32 {
  return <f32>1 / sqrt<f32>(x);
}
