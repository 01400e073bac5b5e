import { loadLanes, putLanes, storeLanes } from "../numeric/lanes";
import { storeColumns } from "../numeric/transpose";

/**
 * Products of whole numbers: int16 times int8, exact in int32, rescaled to float32. The gradients of ternary matrices
 * and the three products of the head are made of it.
 *
 * B is interleaved a panel at a time: 16 columns, two steps of the depth side by side, so that one
 * `i32x4.dot_i16x8_s` adds two products to each of four sums. A is read where it lies, two rows of it at a time: with
 * eight sums, four vectors of B and one of A three of x86's sixteen registers are left over (bench/README.md).
 */

/** Depth of an exact sum: 512 products of 32767 and 127 stay within 31 bits. */
const DEPTH_BLOCK: u32 = 512;
const PANEL_COLUMNS: u32 = 16;
/** Bytes of a panel for each two rows of B. */
const PAIR_BYTES: usize = PANEL_COLUMNS * 4;
/** Bytes of the sums of a block: 2 x 16. */
const SUM_BYTES: usize = 2 * PANEL_COLUMNS * 4;

/** Bytes of scratch that {@link intProduct} needs. */
export function intProductScratchBytes(): usize {
  return <usize>(DEPTH_BLOCK / 2) * PAIR_BYTES + SUM_BYTES;
}

/**
 * C[m][n] (+)= scales[m] * sum_k A[m][k] B(k, n).
 *
 * The sum is exact within each 512 of k; from block to block it goes on in float32, in order, whatever the number of
 * rows and columns.
 *
 * @param c rows of `cStride` floats; scales: `rows` float32
 * @param a int16, rows of `aStride` numbers, readable to the next even k; 0 there if `transposed`
 * @param b int8, rows of `bStride` bytes: a row is a step of the depth, readable to the next multiple of 16 columns; or,
 * if `transposed`, a column, readable to the next multiple of 8 steps
 */
export function intProduct(
  c: usize, cStride: u32, a: usize, aStride: u32, scales: usize, b: usize, bStride: u32, transposed: bool,
  rows: u32, columns: u32, depth: u32, accumulate: bool, scratch: usize,
): void {
  const rowC: usize = <usize>cStride << 2, rowA: usize = <usize>aStride << 1;
  if (depth == 0 && !accumulate) {
    for (let m: u32 = 0; m < rows; m++) memory.fill(c + m * rowC, 0, <usize>columns << 2);
  }
  const sums = scratch, panel = scratch + SUM_BYTES;
  for (let k: u32 = 0; k < depth; k += DEPTH_BLOCK) {
    const depthHere = min<u32>(DEPTH_BLOCK, depth - k);
    const pairs: usize = (depthHere + 1) >> 1;
    const add = accumulate || k > 0;
    for (let n: u32 = 0; n < columns; n += PANEL_COLUMNS) {
      if (transposed) interleaveColumns(panel, b + k + <usize>n * bStride, bStride, depthHere, columns - n);
      else interleaveRows(panel, b + <usize>k * bStride + n, bStride, depthHere);
      for (let m: u32 = 0; m < rows; m += 2) {
        const at = a + <usize>m * rowA + (<usize>k << 1);
        const to = c + <usize>m * rowC + (<usize>n << 2);
        const two = m + 1 < rows;
        multiply(sums, at, two ? rowA : 0, panel, pairs);
        putRow(to, scales + (<usize>m << 2), sums, columns - n, add);
        if (two) putRow(to + rowC, scales + (<usize>(m + 1) << 2), sums + SUM_BYTES / 2, columns - n, add);
      }
    }
  }
}

// [depth / 2][16][2] int16 from 16 columns of `depth` bytes; past the end the last column again, whose sums are dropped
function interleaveColumns(to: usize, from: usize, stride: usize, depth: usize, columns: u32): void {
  for (let n: u32 = 0; n < PANEL_COLUMNS; n += 4) {
    const c0 = from + <usize>min<u32>(n, columns - 1) * stride, c1 = from + <usize>min<u32>(n + 1, columns - 1) * stride;
    const c2 = from + <usize>min<u32>(n + 2, columns - 1) * stride, c3 = from + <usize>min<u32>(n + 3, columns - 1) * stride;
    for (let k: usize = 0; k < depth; k += 8) {
      // four columns of four pairs to four pairs of four columns
      const a = v128.load8x8_s(c0 + k), b = v128.load8x8_s(c1 + k), c = v128.load8x8_s(c2 + k), d = v128.load8x8_s(c3 + k);
      storeColumns(to + (n << 2) + (k >> 1) * PAIR_BYTES, PAIR_BYTES, a, b, c, d);
    }
  }
}

// the same from `depth` rows of 16 bytes; after an odd depth follows a row of 0
function interleaveRows(to: usize, from: usize, stride: usize, depth: u32): void {
  for (let k: u32 = 0; k < depth; k += 2) {
    const even = v128.load(from);
    const odd = k + 1 < depth ? v128.load(from + stride) : i8x16.splat(0);
    const low = v128.shuffle<i8>(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high = v128.shuffle<i8>(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v128.store(to, i16x8.extend_low_i8x16_s(low));
    v128.store(to, i16x8.extend_high_i8x16_s(low), 16);
    v128.store(to, i16x8.extend_low_i8x16_s(high), 32);
    v128.store(to, i16x8.extend_high_i8x16_s(high), 48);
    from += 2 * stride;
    to += PAIR_BYTES;
  }
}

// the sums go to memory and are rescaled elsewhere: to add to C right here would make Node 20 spill in the loop
function multiply(sums: usize, a: usize, rowA: usize, b: usize, pairs: usize): void {
  let c00 = i32x4.splat(0), c01 = i32x4.splat(0), c02 = i32x4.splat(0), c03 = i32x4.splat(0);
  let c10 = i32x4.splat(0), c11 = i32x4.splat(0), c12 = i32x4.splat(0), c13 = i32x4.splat(0);
  const end = b + pairs * PAIR_BYTES;
  let next = a + rowA;
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let s = v128.load32_splat(a);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, b0));
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, b1));
    c02 = i32x4.add(c02, i32x4.dot_i16x8_s(s, b2));
    c03 = i32x4.add(c03, i32x4.dot_i16x8_s(s, b3));
    s = v128.load32_splat(next);
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, b0));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, b1));
    c12 = i32x4.add(c12, i32x4.dot_i16x8_s(s, b2));
    c13 = i32x4.add(c13, i32x4.dot_i16x8_s(s, b3));
    a += 4;
    next += 4;
    b += PAIR_BYTES;
  }
  v128.store(sums, c00), v128.store(sums, c01, 16), v128.store(sums, c02, 32), v128.store(sums, c03, 48);
  v128.store(sums, c10, 64), v128.store(sums, c11, 80), v128.store(sums, c12, 96), v128.store(sums, c13, 112);
}

@inline
function putRow(to: usize, scale: usize, sums: usize, columns: i32, add: bool): void {
  const factor = v128.load32_splat(scale);
  for (let n: i32 = 0; n < 16 && n < columns; n += 4) {
    const value = f32x4.mul(factor, f32x4.convert_i32x4_s(v128.load(sums + (n << 2))));
    putLanes(to + (n << 2), value, columns - n, add);
  }
}

/** int16 from `count` int8, a multiple of 16: what {@link intProduct} takes for A. */
@inline
export function widen(to: usize, from: usize, count: usize): void {
  for (let i: usize = 0; i < count; i += 16) {
    const bytes = v128.load(from + i);
    v128.store(to + (i << 1), i16x8.extend_low_i8x16_s(bytes));
    v128.store(to + (i << 1), i16x8.extend_high_i8x16_s(bytes), 16);
  }
}

/**
 * y[n] = rowScales[n] * sum_k B[n][k] x[k] * scale for one int8 vector x: a row of logits, for decoding. The bits are
 * those of {@link intProduct} with B for A and the vector for a column, multiplied by `scale`.
 *
 * @param b int8, rows of `stride` bytes (a multiple of 16), 0 from `depth` on; x: as many bytes as a row, likewise
 * @param scratch `stride` int16
 */
export function intProductColumn(
  y: usize, b: usize, stride: u32, rowScales: usize, x: usize, scale: f32, rows: u32, depth: u32, scratch: usize,
): void {
  for (let k: usize = 0; k < depth; k += 8) v128.store(scratch + (k << 1), v128.load8x8_s(x + k));
  for (let n: u32 = 0; n < rows; n += 4) {
    const left: i32 = rows - n;
    // past the end the last row again, whose sum is dropped
    const b0 = b + <usize>n * stride;
    const b1 = left > 1 ? b0 + stride : b0, b2 = left > 2 ? b1 + stride : b1, b3 = left > 3 ? b2 + stride : b2;
    const scales = loadLanes(rowScales + (<usize>n << 2), left);
    let total = f32x4.splat(0);
    for (let from: usize = 0; from < depth; from += DEPTH_BLOCK) {
      const sum = f32x4.convert_i32x4_s(fourRows(b0, b1, b2, b3, scratch, from, min<usize>(from + DEPTH_BLOCK, depth)));
      const value = f32x4.mul(scales, sum);
      total = from > 0 ? f32x4.add(total, value) : value;
    }
    storeLanes(y + (<usize>n << 2), f32x4.mul(total, f32x4.splat(scale)), left);
  }
}

@inline
function fourRows(b0: usize, b1: usize, b2: usize, b3: usize, x: usize, from: usize, to: usize): v128 {
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
  for (let k = from; k < to; k += 8) {
    const v = v128.load(x + (k << 1));
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v, v128.load8x8_s(b0 + k)));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v, v128.load8x8_s(b1 + k)));
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v, v128.load8x8_s(b2 + k)));
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v, v128.load8x8_s(b3 + k)));
  }
  const low01 = v128.shuffle<i32>(s0, s1, 0, 4, 1, 5), high01 = v128.shuffle<i32>(s0, s1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(s2, s3, 0, 4, 1, 5), high23 = v128.shuffle<i32>(s2, s3, 2, 6, 3, 7);
  const a = i32x4.add(low01, high01), c = i32x4.add(low23, high23);
  return i32x4.add(v128.shuffle<i32>(a, c, 0, 1, 4, 5), v128.shuffle<i32>(a, c, 2, 3, 6, 7));
}
