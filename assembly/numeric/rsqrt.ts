/**
 * 1 / sqrt(x), relative error below 1.2e-7 (1 ulp; tested): the square root and the quotient are each correctly
 * rounded on every host, which an approximate instruction would not be.
 */
@inline
export function rsqrt(x: f32): f32 {
  return <f32>1 / sqrt<f32>(x);
}
