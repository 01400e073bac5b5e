import { add, at, put } from "./at";

/**
 * clamp(round_half_even(weight / scale), -1, 1) (MODEL.md, BitLinear). Weight and scale are float32 and so is their
 * quotient, as in the release: rounding it once more, to float64, would move a few weights across the halves.
 */
function naiveQuantise(weight: f64, scale: f64): f64 {
  return max<f64>(-1, min<f64>(1, nearest<f64>(<f64>(<f32>weight / <f32>scale))));
}

/** q = the quantised weights, `count` of them. */
export function naiveQuantiseArray(q: usize, weights: usize, scale: f64, count: u32): void {
  for (let i: usize = 0; i < count; i++) put(q, i, naiveQuantise(at(weights, i), scale));
}

/**
 * Reads rows [firstOutput, firstOutput + outputs) out of packed codes (ternary/codes.ts) into q, outputs x inputs.
 * The code of output n and input k: panel k / 16, row n, byte (k mod 16) / 4, bit pair k mod 4.
 */
export function naiveUnpack(q: usize, codes: usize, totalOutputs: u32, firstOutput: u32, outputs: u32, inputs: u32): void {
  for (let n: usize = 0; n < outputs; n++) {
    for (let k: usize = 0; k < inputs; k++) {
      const byte = load<u8>(codes + ((k / 16) * totalOutputs + firstOutput + n) * 4 + (k % 16) / 4);
      const code = (byte >> <u8>(2 * (k % 4))) & 3;
      put(q, n * inputs + k, code == 0 ? 0 : code == 1 ? 1 : code == 2 ? -1 : NaN);
    }
  }
}

/** y[t][n] (+)= sum_k (s Wq)[n][k] x[t][k] from the latent weights W, outputs x inputs; s = scales[n / outputsPerScale]. */
export function naiveTernaryForward(
  y: usize, yStride: u32, x: usize, xStride: u32, weights: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool,
): void {
  for (let t: usize = 0; t < tokens; t++) {
    for (let n: usize = 0; n < outputs; n++) {
      const scale = at(scales, n / outputsPerScale);
      let sum: f64 = 0;
      for (let k: usize = 0; k < inputs; k++) sum += scale * naiveQuantise(at(weights, n * inputs + k), scale) * at(x, t * xStride + k);
      if (accumulate) add(y, t * yStride + n, sum);
      else put(y, t * yStride + n, sum);
    }
  }
}

/** dx[t][k] (+)= sum_n (s Wq)[n][k] dy[t][n] for one matrix of one scale. */
export function naiveTernaryBackward(
  dx: usize, dxStride: u32, dy: usize, dyStride: u32, weights: usize, scale: f64,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool,
): void {
  for (let t: usize = 0; t < tokens; t++) {
    for (let k: usize = 0; k < inputs; k++) {
      let sum: f64 = 0;
      for (let n: usize = 0; n < outputs; n++) sum += scale * naiveQuantise(at(weights, n * inputs + k), scale) * at(dy, t * dyStride + n);
      if (accumulate) add(dx, t * dxStride + k, sum);
      else put(dx, t * dxStride + k, sum);
    }
  }
}
