import { at, put } from "./at";

/**
 * The integer kernels in their plain form. Quantised values are whole numbers in float64, which holds every sum of
 * them exactly, so that a fast kernel must agree to the bit: the single float32 roundings at the end are the same.
 */

/** totals[t][n] = sum_k W[n][k] q[k][t], W in {-1, 0, 1}: outputs x inputs; q: inputs x tokens. */
export function naiveIntTernaryForward(totals: usize, weights: usize, q: usize, tokens: u32, outputs: u32, inputs: u32): void {
  for (let t: usize = 0; t < tokens; t++) {
    for (let n: usize = 0; n < outputs; n++) {
      let sum: f64 = 0;
      for (let k: usize = 0; k < inputs; k++) sum += at(weights, n * inputs + k) * at(q, k * tokens + t);
      put(totals, t * outputs + n, sum);
    }
  }
}

/** totals[n][k] = sum_t dyq[n][t] xq[k][t]. */
export function naiveIntWeightGradient(totals: usize, dyq: usize, xq: usize, tokens: u32, outputs: u32, inputs: u32): void {
  for (let n: usize = 0; n < outputs; n++) {
    for (let k: usize = 0; k < inputs; k++) {
      let sum: f64 = 0;
      for (let t: usize = 0; t < tokens; t++) sum += at(dyq, n * tokens + t) * at(xq, k * tokens + t);
      put(totals, n * inputs + k, sum);
    }
  }
}
