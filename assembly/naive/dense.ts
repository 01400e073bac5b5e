import { add, at, put } from "./at";

/** C[m][n] (+)= sum_k A(m, k) B(k, n); A and B in any orientation, as in dense/product.ts and dense/panels.ts. */
export function naiveDenseForward(
  c: usize, cStride: u32, a: usize, rowStride: u32, aDepthStride: u32, b: usize, bDepthStride: u32, columnStride: u32,
  rows: u32, columns: u32, depth: u32, accumulate: bool,
): void {
  for (let m: usize = 0; m < rows; m++) {
    for (let n: usize = 0; n < columns; n++) {
      let sum: f64 = 0;
      for (let k: usize = 0; k < depth; k++) sum += at(a, m * rowStride + k * aDepthStride) * at(b, k * bDepthStride + n * columnStride);
      if (accumulate) add(c, m * cStride + n, sum);
      else put(c, m * cStride + n, sum);
    }
  }
}

/** dW[n][k] (+)= sum_t dy[t][n] x[t][k]. */
export function naiveWeightGradient(
  dW: usize, dy: usize, dyStride: u32, x: usize, tokens: u32, outputs: u32, inputs: u32, accumulate: bool,
): void {
  for (let n: usize = 0; n < outputs; n++) {
    for (let k: usize = 0; k < inputs; k++) {
      let sum: f64 = 0;
      for (let t: usize = 0; t < tokens; t++) sum += at(dy, t * dyStride + n) * at(x, t * inputs + k);
      if (accumulate) add(dW, n * inputs + k, sum);
      else put(dW, n * inputs + k, sum);
    }
  }
}
