/** Sums over float32 arrays, taken in float64 in order of address. */

/** sum of x^2: a part of the squared gradient norm. */
export function sumOfSquares(x: usize, count: u32): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const value = <f64>load<f32>(x + (<usize>i << 2));
    sum += value * value;
  }
  return sum;
}

/** sum of |x|: what `ternaryScale` takes. */
export function sumOfAbsolutes(x: usize, count: u32): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) sum += abs<f64>(<f64>load<f32>(x + (<usize>i << 2)));
  return sum;
}

/** The norm of all gradients from its squared parts (`count` float64), added in order. */
export function gradientNorm(squares: usize, count: u32): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) sum += load<f64>(squares + (<usize>i << 3));
  return sqrt<f64>(sum);
}

/** out[i] (+)= sum over `parts` of x[part][i], parts `stride` floats apart, in order: gradients of small parameters. */
export function sumParts(out: usize, x: usize, parts: u32, stride: u32, count: u32, accumulate: bool): void {
  for (let i: u32 = 0; i < count; i++) {
    let sum: f32 = accumulate ? load<f32>(out + (<usize>i << 2)) : 0;
    for (let part: u32 = 0; part < parts; part++) sum += load<f32>(x + ((<usize>part * stride + i) << 2));
    store<f32>(out + (<usize>i << 2), sum);
  }
}
