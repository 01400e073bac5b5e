import { intProduct, intProductScratchBytes, widen } from "../dense/int-product";
import { intWeightGradientRelaxed, intWeightGradientRelaxedScratchBytes } from "./int-weight-gradient-relaxed";

/**
 * dW[n][k] (+)= scales[n] * sum_t dyq[n][t] xq[k][t] over one sequence: the gradient of a ternary matrix from the kept
 * input and the gradient to its output, both int8 with tokens side by side (quantize.ts). Sums as in
 * dense/int-product.ts: exact over 512 tokens, then in order.
 */

/** Rows of dW whose output gradients are widened to int16 at a time. */
const ROW_BLOCK: u32 = 64;

/** Bytes of scratch that {@link intWeightGradient} needs. */
export function intWeightGradientScratchBytes(stride: u32): usize {
  if (ASC_FEATURE_RELAXED_SIMD) return intWeightGradientRelaxedScratchBytes(stride);
  return intProductScratchBytes() + <usize>ROW_BLOCK * stride * 2;
}

/**
 * @param dW `outputs` x `inputs` float32, row-major
 * @param dyq `outputs` rows of `stride` bytes, a multiple of 16; scales: `outputs` float32
 * @param xq `inputs` rows of `stride` bytes
 */
export function intWeightGradient(
  dW: usize, dyq: usize, scales: usize, xq: usize, stride: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    intWeightGradientRelaxed(dW, dyq, scales, xq, stride, tokens, outputs, inputs, accumulate, scratch);
    return;
  }
  const wide = scratch + intProductScratchBytes();
  for (let row: u32 = 0; row < outputs; row += ROW_BLOCK) {
    const rows = min<u32>(ROW_BLOCK, outputs - row);
    widen(wide, dyq + <usize>row * stride, <usize>rows * stride);
    const to = dW + ((<usize>row * inputs) << 2);
    intProduct(to, inputs, wide, stride, scales + (<usize>row << 2), xq, stride, true, rows, inputs, tokens, accumulate, scratch);
  }
}
