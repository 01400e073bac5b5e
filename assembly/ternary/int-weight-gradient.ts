import { loadLanes, storeLanes } from "../numeric/lanes";
import { intWeightGradientRelaxed, intWeightGradientRelaxedScratchBytes } from "./int-weight-gradient-relaxed";

/**
 * dW[n][k] (+)= scales[n] * sum_t dyq[n][t] xq[k][t] over one sequence: the gradient of a ternary matrix from the kept
 * input and the gradient to its output, both int8 with tokens side by side (quantize.ts). Exact sums in int32.
 *
 * Both operands are widened to int16 once, into panels of 8 tokens: [T / 8][rows][8]. The kernel then keeps 2 x 4
 * sums, which with two vectors of dy and one of x leaves registers over (bench/README.md).
 */

/** Rows of dW that are widened at a time. */
const ROW_BLOCK: u32 = 64;
const ROWS = 2;
const COLUMNS = 4;

/** Bytes of scratch that {@link intWeightGradient} needs. */
export function intWeightGradientScratchBytes(inputs: u32, stride: u32): usize {
  if (ASC_FEATURE_RELAXED_SIMD) return intWeightGradientRelaxedScratchBytes(stride);
  return (<usize>ROW_BLOCK + ((<usize>inputs + COLUMNS - 1) & ~(COLUMNS - 1))) * stride * 2;
}

/**
 * @param dW `outputs` x `inputs` float32, row-major
 * @param dyq `outputs` rows of `stride` bytes; scales: `outputs` float32
 * @param xq `inputs` rows of `stride` bytes; columns from `tokens` on count as 0 if those of dyq are 0
 */
export function intWeightGradient(
  dW: usize, dyq: usize, scales: usize, xq: usize, stride: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    intWeightGradientRelaxed(dW, dyq, scales, xq, stride, tokens, outputs, inputs, accumulate, scratch);
    return;
  }
  const depth: usize = (<usize>tokens + 7) / 8; // panels of 8 tokens
  const dyPanel = scratch;
  const xPanel = scratch + <usize>ROW_BLOCK * stride * 2;
  for (let k: u32 = 0; k < inputs; k += COLUMNS) widen(xPanel + <usize>k * depth * 16, xq, stride, k, inputs, COLUMNS, depth);
  for (let block: u32 = 0; block < outputs; block += ROW_BLOCK) {
    const rows = min<u32>(ROW_BLOCK, outputs - block);
    for (let n: u32 = 0; n < rows; n += ROWS) widen(dyPanel + <usize>n * depth * 16, dyq, stride, block + n, outputs, ROWS, depth);
    for (let k: u32 = 0; k < inputs; k += COLUMNS) {
      const columns = min<u32>(COLUMNS, inputs - k);
      for (let n: u32 = 0; n < rows; n += ROWS) {
        const row = block + n;
        multiply(
          dW + ((<usize>row * inputs + k) << 2), <usize>inputs << 2,
          dyPanel + <usize>n * depth * 16, xPanel + <usize>k * depth * 16, depth,
          scales + (<usize>row << 2), n + 1 < rows, columns, accumulate,
        );
      }
    }
  }
}

// [depth][count][8] int16 from rows `first`.. of int8; rows past the end repeat the last (their sums are dropped)
@inline
function widen(to: usize, from: usize, stride: u32, first: u32, rows: u32, count: u32, depth: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = from + <usize>min<u32>(first + i, rows - 1) * stride;
    for (let d: usize = 0; d < depth; d++) v128.store(to + ((d * count + i) << 4), v128.load8x8_s(row + (d << 3)));
  }
}

function multiply(
  dW: usize, strideW: usize, dy: usize, x: usize, depth: usize, scales: usize, two: bool, columns: i32, accumulate: bool,
): void {
  let c00 = i32x4.splat(0), c01 = i32x4.splat(0), c02 = i32x4.splat(0), c03 = i32x4.splat(0);
  let c10 = i32x4.splat(0), c11 = i32x4.splat(0), c12 = i32x4.splat(0), c13 = i32x4.splat(0);
  const end = dy + (depth << 5);
  while (dy < end) {
    const d0 = v128.load(dy), d1 = v128.load(dy, 16);
    let v = v128.load(x);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(d0, v));
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(d1, v));
    v = v128.load(x, 16);
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(d0, v));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(d1, v));
    v = v128.load(x, 32);
    c02 = i32x4.add(c02, i32x4.dot_i16x8_s(d0, v));
    c12 = i32x4.add(c12, i32x4.dot_i16x8_s(d1, v));
    v = v128.load(x, 48);
    c03 = i32x4.add(c03, i32x4.dot_i16x8_s(d0, v));
    c13 = i32x4.add(c13, i32x4.dot_i16x8_s(d1, v));
    dy += 32;
    x += 64;
  }
  put(dW, scales, sums(c00, c01, c02, c03), columns, accumulate);
  if (two) put(dW + strideW, scales + 4, sums(c10, c11, c12, c13), columns, accumulate);
}

// the sums of the lanes of four vectors
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const lowAB = v128.shuffle<i32>(a, b, 0, 4, 1, 5), highAB = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const lowCD = v128.shuffle<i32>(c, d, 0, 4, 1, 5), highCD = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  const ab = i32x4.add(lowAB, highAB), cd = i32x4.add(lowCD, highCD);
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

@inline
function put(to: usize, scale: usize, sum: v128, columns: i32, accumulate: bool): void {
  const value = f32x4.mul(v128.load32_splat(scale), f32x4.convert_i32x4_s(sum));
  storeLanes(to, accumulate ? f32x4.add(loadLanes(to, columns), value) : value, columns);
}
