import { loadLanes, storeLanes } from "../numeric/lanes";
import { interleaveHigh, interleaveLow, joinHigh, joinLow } from "../numeric/transpose";

/**
 * The weight gradient of int-weight-gradient.ts, to the same bits, where relaxed SIMD may be used: sixteen products of
 * bytes an instruction instead of eight of int16.
 *
 * `i16x8.relaxed_dot_i8x16_i7x16_s` is exact if its second operand lies in 0..127: engines take it as signed or as
 * unsigned, and two products of 127 and 127 are within int16, so that none saturates. The 7 bits of dyq, -63..63,
 * become 1..127 when shifted by 64; 64 * sum_t xq[k][t] is taken off each sum in the end.
 *
 * Columns from `tokens` to the next multiple of 16 may hold anything. x is 0 there in its panel, which leaves both the
 * products and the sum of x as they should be, whatever dyq holds.
 */

/** Tokens of an exact sum, as in dense/int-product.ts; from block to block it goes on in float32, in order. */
const TOKEN_BLOCK: u32 = 512;
/** Rows of dW whose output gradients are shifted at a time: with 256 tokens half of a first-level cache. */
const ROW_BLOCK: u32 = 64;
const ROWS: u32 = 2;
const COLUMNS: u32 = 4;
const SHIFT: i8 = 64;
/** log2 of {@link SHIFT}. */
const SHIFT_BITS: i32 = 6;

/** Bytes of scratch that {@link intWeightGradientRelaxed} needs. */
export function intWeightGradientRelaxedScratchBytes(stride: u32): usize {
  return <usize>(ROW_BLOCK + COLUMNS) * stride;
}

/**
 * dW[n][k] (+)= scales[n] * sum_t dyq[n][t] xq[k][t].
 *
 * @param dW `outputs` x `inputs` float32, row-major
 * @param dyq -63..63, `outputs` rows of `stride` bytes, a multiple of 16; scales: `outputs` float32
 * @param xq `inputs` rows of `stride` bytes
 */
export function intWeightGradientRelaxed(
  dW: usize, dyq: usize, scales: usize, xq: usize, stride: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  if (tokens == 0 && !accumulate) memory.fill(dW, 0, (<usize>outputs * inputs) << 2);
  for (let t: u32 = 0; t < tokens; t += TOKEN_BLOCK) {
    const count = min<u32>(TOKEN_BLOCK, tokens - t);
    exactBlock(dW, dyq + t, scales, xq + t, stride, count, outputs, inputs, accumulate || t > 0, scratch);
  }
}

function exactBlock(
  dW: usize, dyq: usize, scales: usize, xq: usize, stride: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  const depth: usize = (<usize>tokens + 15) / 16; // vectors of 16 tokens
  const dyPanel = scratch;
  const xPanel = scratch + <usize>ROW_BLOCK * stride;
  for (let block: u32 = 0; block < outputs; block += ROW_BLOCK) {
    const rows = min<u32>(ROW_BLOCK, outputs - block);
    for (let n: u32 = 0; n < rows; n += ROWS) {
      shiftRows(dyPanel + <usize>n * depth * 16, dyq, stride, block + n, outputs, depth);
    }
    for (let k: u32 = 0; k < inputs; k += COLUMNS) {
      const columns = min<u32>(COLUMNS, inputs - k);
      const excess = gatherColumns(xPanel, xq, stride, k, inputs, depth, tokens);
      for (let n: u32 = 0; n < rows; n += ROWS) {
        const row = block + n;
        multiply(
          dW + ((<usize>row * inputs + k) << 2), <usize>inputs << 2, dyPanel + <usize>n * depth * 16, xPanel, depth,
          excess, scales + (<usize>row << 2), n + 1 < rows, columns, accumulate,
        );
      }
    }
  }
}

// [depth][2][16] bytes dyq + 64; past the end the last row again (its sums are dropped)
function shiftRows(to: usize, from: usize, stride: u32, first: u32, rows: u32, depth: usize): void {
  for (let i: u32 = 0; i < ROWS; i++) {
    const row = from + <usize>min<u32>(first + i, rows - 1) * stride;
    for (let d: usize = 0; d < depth; d++) {
      v128.store(to + ((d * ROWS + i) << 4), i8x16.add(v128.load(row + (d << 4)), i8x16.splat(SHIFT)));
    }
  }
}

// [depth][4][16] bytes xq, 0 from `tokens` on; past the end the last column again. Gives 64 * the sum of each column
function gatherColumns(to: usize, from: usize, stride: u32, first: u32, columns: u32, depth: usize, tokens: u32): v128 {
  const s0 = gatherColumn(to, from + <usize>first * stride, depth, tokens);
  const s1 = gatherColumn(to + 16, from + <usize>min<u32>(first + 1, columns - 1) * stride, depth, tokens);
  const s2 = gatherColumn(to + 32, from + <usize>min<u32>(first + 2, columns - 1) * stride, depth, tokens);
  const s3 = gatherColumn(to + 48, from + <usize>min<u32>(first + 3, columns - 1) * stride, depth, tokens);
  return i32x4.shl(laneSums(s0, s1, s2, s3), SHIFT_BITS);
}

@inline
function gatherColumn(to: usize, from: usize, depth: usize, tokens: u32): v128 {
  let sum = i32x4.splat(0);
  for (let d: usize = 0; d < depth; d++) {
    let x = v128.load(from + (d << 4));
    const left: i32 = tokens - (<u32>d << 4);
    if (left < 16) {
      x = v128.and(x, i8x16.lt_s(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8>left)));
    }
    v128.store(to + ((d * COLUMNS) << 4), x);
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(x)));
  }
  return sum;
}

// 2 x 4 sums, which with two vectors of dy and one of x leave registers over
function multiply(
  dW: usize, strideW: usize, dy: usize, x: usize, depth: usize, excess: v128,
  scales: usize, two: bool, columns: i32, accumulate: bool,
): void {
  let c00 = i32x4.splat(0), c01 = i32x4.splat(0), c02 = i32x4.splat(0), c03 = i32x4.splat(0);
  let c10 = i32x4.splat(0), c11 = i32x4.splat(0), c12 = i32x4.splat(0), c13 = i32x4.splat(0);
  const end = dy + depth * ROWS * 16;
  while (dy < end) {
    const d0 = v128.load(dy), d1 = v128.load(dy, 16);
    let v = v128.load(x);
    c00 = i32x4.add(c00, dot(v, d0));
    c10 = i32x4.add(c10, dot(v, d1));
    v = v128.load(x, 16);
    c01 = i32x4.add(c01, dot(v, d0));
    c11 = i32x4.add(c11, dot(v, d1));
    v = v128.load(x, 32);
    c02 = i32x4.add(c02, dot(v, d0));
    c12 = i32x4.add(c12, dot(v, d1));
    v = v128.load(x, 48);
    c03 = i32x4.add(c03, dot(v, d0));
    c13 = i32x4.add(c13, dot(v, d1));
    dy += ROWS * 16;
    x += COLUMNS * 16;
  }
  put(dW, scales, i32x4.sub(laneSums(c00, c01, c02, c03), excess), columns, accumulate);
  if (two) put(dW + strideW, scales + 4, i32x4.sub(laneSums(c10, c11, c12, c13), excess), columns, accumulate);
}

// in two steps: the relaxed dot product that goes on to int32 by itself was slower (bench/README.md)
@inline
function dot(x: v128, u: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(x, u));
}

// the sums of the lanes of four vectors
@inline
function laneSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(interleaveLow(a, b), interleaveHigh(a, b));
  const cd = i32x4.add(interleaveLow(c, d), interleaveHigh(c, d));
  return i32x4.add(joinLow(ab, cd), joinHigh(ab, cd));
}

@inline
function put(to: usize, scale: usize, sum: v128, columns: i32, accumulate: bool): void {
  const value = f32x4.mul(v128.load32_splat(scale), f32x4.convert_i32x4_s(sum));
  storeLanes(to, accumulate ? f32x4.add(loadLanes(to, columns), value) : value, columns);
}
