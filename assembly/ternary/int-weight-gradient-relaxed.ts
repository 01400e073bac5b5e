import { putLanes } from "../numeric/lanes";
import { interleaveHigh, interleaveLow, joinHigh, joinLow, storeColumns } from "../numeric/transpose";

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
/** Columns of a panel of x: four tokens of each side by side, so that a dot product adds them to one lane. */
const PANEL_COLUMNS: u32 = 16;
/** Bytes of a panel for each four tokens. */
const STEP_BYTES: usize = PANEL_COLUMNS * 4;
/** Bytes of the sums of a block, 2 x 16, and of what is taken off them. */
const SUM_BYTES: usize = 2 * PANEL_COLUMNS * 4;
const EXCESS_BYTES: usize = PANEL_COLUMNS * 4;
const SHIFT: i8 = 64;
/** log2 of {@link SHIFT}. */
const SHIFT_BITS: i32 = 6;

/** Bytes of scratch that {@link intWeightGradientRelaxed} needs. */
export function intWeightGradientRelaxedScratchBytes(stride: u32): usize {
  return SUM_BYTES + EXCESS_BYTES + <usize>(PANEL_COLUMNS + ROW_BLOCK) * stride;
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
  tokens: u32, outputs: u32, inputs: u32, add: bool, scratch: usize,
): void {
  const rowW: usize = <usize>inputs << 2, rowBytes: usize = (<usize>tokens + 15) & ~15;
  const sums = scratch, excess = sums + SUM_BYTES, panel = excess + EXCESS_BYTES;
  const shifted = panel + <usize>PANEL_COLUMNS * stride;
  for (let block: u32 = 0; block < outputs; block += ROW_BLOCK) {
    const rows = min<u32>(ROW_BLOCK, outputs - block);
    for (let n: usize = 0; n < rows; n++) shift(shifted + n * rowBytes, dyq + (block + n) * stride, rowBytes);
    for (let k: u32 = 0; k < inputs; k += PANEL_COLUMNS) {
      const columns = inputs - k;
      interleave(panel, excess, xq + <usize>k * stride, stride, tokens, columns);
      for (let n: u32 = 0; n < rows; n += 2) {
        const two = n + 1 < rows;
        multiply(sums, shifted + n * rowBytes, two ? rowBytes : 0, panel, (<usize>tokens + 3) >> 2);
        const to = dW + (block + n) * rowW + (<usize>k << 2), scale = scales + (<usize>(block + n) << 2);
        putRow(to, scale, sums, excess, columns, add);
        if (two) putRow(to + rowW, scale + 4, sums + SUM_BYTES / 2, excess, columns, add);
      }
    }
  }
}

function shift(to: usize, from: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, i8x16.add(v128.load(from + i), i8x16.splat(SHIFT)));
}

// [tokens / 4][16][4] bytes of 16 columns of x, 0 from `tokens` on, and 64 * the sum of each column; past the last
// column that one again, whose sums are dropped
function interleave(to: usize, excess: usize, x: usize, stride: usize, tokens: u32, columns: u32): void {
  for (let n: u32 = 0; n < PANEL_COLUMNS; n += 4) {
    const x0 = x + <usize>min<u32>(n, columns - 1) * stride, x1 = x + <usize>min<u32>(n + 1, columns - 1) * stride;
    const x2 = x + <usize>min<u32>(n + 2, columns - 1) * stride, x3 = x + <usize>min<u32>(n + 3, columns - 1) * stride;
    let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
    for (let t: u32 = 0; t < tokens; t += 16) {
      const left: i32 = tokens - t;
      const a = loadTokens(x0 + t, left), b = loadTokens(x1 + t, left);
      const c = loadTokens(x2 + t, left), d = loadTokens(x3 + t, left);
      storeColumns(to + (n << 2) + <usize>(t >> 2) * STEP_BYTES, STEP_BYTES, a, b, c, d);
      s0 = i32x4.add(s0, fours(a));
      s1 = i32x4.add(s1, fours(b));
      s2 = i32x4.add(s2, fours(c));
      s3 = i32x4.add(s3, fours(d));
    }
    const ab = i32x4.add(interleaveLow(s0, s1), interleaveHigh(s0, s1));
    const cd = i32x4.add(interleaveLow(s2, s3), interleaveHigh(s2, s3));
    v128.store(excess + (n << 2), i32x4.shl(i32x4.add(joinLow(ab, cd), joinHigh(ab, cd)), SHIFT_BITS));
  }
}

@inline
function loadTokens(from: usize, left: i32): v128 {
  const x = v128.load(from);
  if (left >= 16) return x;
  return v128.and(x, i8x16.lt_s(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8>left)));
}

@inline
function fours(x: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(x));
}

// as in dense/int-product.ts, four tokens at a time; sums that are stored side by side V8 may also keep in 256 bits
function multiply(sums: usize, dy: usize, rowBytes: usize, x: usize, steps: usize): void {
  let c00 = i32x4.splat(0), c01 = i32x4.splat(0), c02 = i32x4.splat(0), c03 = i32x4.splat(0);
  let c10 = i32x4.splat(0), c11 = i32x4.splat(0), c12 = i32x4.splat(0), c13 = i32x4.splat(0);
  const end = x + steps * STEP_BYTES;
  let next = dy + rowBytes;
  while (x < end) {
    const x0 = v128.load(x), x1 = v128.load(x, 16), x2 = v128.load(x, 32), x3 = v128.load(x, 48);
    let s = v128.load32_splat(dy);
    c00 = i32x4.add(c00, dot(x0, s));
    c01 = i32x4.add(c01, dot(x1, s));
    c02 = i32x4.add(c02, dot(x2, s));
    c03 = i32x4.add(c03, dot(x3, s));
    s = v128.load32_splat(next);
    c10 = i32x4.add(c10, dot(x0, s));
    c11 = i32x4.add(c11, dot(x1, s));
    c12 = i32x4.add(c12, dot(x2, s));
    c13 = i32x4.add(c13, dot(x3, s));
    dy += 4;
    next += 4;
    x += STEP_BYTES;
  }
  v128.store(sums, c00), v128.store(sums, c01, 16), v128.store(sums, c02, 32), v128.store(sums, c03, 48);
  v128.store(sums, c10, 64), v128.store(sums, c11, 80), v128.store(sums, c12, 96), v128.store(sums, c13, 112);
}

// in two steps: the relaxed dot product that goes on to int32 by itself was slower (bench/README.md)
@inline
function dot(x: v128, u: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(x, u));
}

function putRow(to: usize, scale: usize, sums: usize, excess: usize, columns: i32, add: bool): void {
  const factor = v128.load32_splat(scale);
  for (let n: i32 = 0; n < <i32>PANEL_COLUMNS && n < columns; n += 4) {
    const sum = i32x4.sub(v128.load(sums + (n << 2)), v128.load(excess + (n << 2)));
    const value = f32x4.mul(factor, f32x4.convert_i32x4_s(sum));
    putLanes(to + (n << 2), value, columns - n, add);
  }
}
