import { putLanes } from "../numeric/lanes";
import { scaleOf } from "./scatter";

/**
 * A ternary matrix times one int8 vector, for decoding, where there are no tokens to fill the lanes: outputs are lanes.
 *
 * For two inputs there are 9 signed sums; with an index of four bits, c0 + 4 c1, they are a table of 16 int16, kept as
 * two vectors of bytes. A byte shuffle then looks up 16 outputs at once, so 32 weights cost two shuffles, two
 * interleavings and two additions (the idea of T-MAC, Wei et al. 2024). Sums are exact: the bits are those of the table
 * kernel.
 */

const PAIR_BYTES: usize = 32;

/** Panels of 16 inputs whose sums fit into int16, as for the table kernel. */
const SAFE_PANELS: usize = 16;

/** Bytes of scratch that {@link intTernaryDecode} needs. */
export function intTernaryDecodeScratchBytes(inputs: u32): usize {
  return ((<usize>inputs + 15) / 16) * 8 * PAIR_BYTES;
}

/**
 * y[n] (+)= scale of n * tokenScale * sum_k W[n][k] q[k].
 * q: int8, `stride` bytes apart, readable to the next multiple of 16; codes: as everywhere, readable for 15 rows more.
 */
export function intTernaryDecode(
  y: usize, q: usize, stride: usize, tokenScale: f32, codes: usize, scales: usize, outputsPerScale: u32,
  outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  const panels: usize = (<usize>inputs + 15) / 16;
  for (let pair: usize = 0; pair < panels * 8; pair++) {
    buildPair(scratch + pair * PAIR_BYTES, load<i8>(q + 2 * pair * stride), load<i8>(q + (2 * pair + 1) * stride));
  }
  for (let n: u32 = 0; n < outputs; n += 16) {
    let t0 = i32x4.splat(0), t1 = i32x4.splat(0), t2 = i32x4.splat(0), t3 = i32x4.splat(0);
    let panel: usize = 0;
    while (panel < panels) {
      const end = min<usize>(panels, panel + SAFE_PANELS);
      let low = i16x8.splat(0), high = i16x8.splat(0); // outputs 0..7 and 8..15
      for (; panel < end; panel++) {
        const at = codes + ((panel * outputs + n) << 2);
        const table = scratch + panel * 8 * PAIR_BYTES;
        // 16 rows of 4 bytes to 4 rows of 16: byte g of every row shares a vector
        const w0 = byBytes(v128.load(at)), w1 = byBytes(v128.load(at, 16));
        const w2 = byBytes(v128.load(at, 32)), w3 = byBytes(v128.load(at, 48));
        const low01 = v128.shuffle<i32>(w0, w1, 0, 4, 1, 5), high01 = v128.shuffle<i32>(w0, w1, 2, 6, 3, 7);
        const low23 = v128.shuffle<i32>(w2, w3, 0, 4, 1, 5), high23 = v128.shuffle<i32>(w2, w3, 2, 6, 3, 7);
        let bytes = v128.shuffle<i64>(low01, low23, 0, 2);
        let index = v128.and(bytes, i8x16.splat(15));
        let a = lookUp(v128.load(table), index), b = lookUp(v128.load(table, 16), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
        index = v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15));
        a = lookUp(v128.load(table, 32), index), b = lookUp(v128.load(table, 48), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
        bytes = v128.shuffle<i64>(low01, low23, 1, 3);
        index = v128.and(bytes, i8x16.splat(15));
        a = lookUp(v128.load(table, 64), index), b = lookUp(v128.load(table, 80), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
        index = v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15));
        a = lookUp(v128.load(table, 96), index), b = lookUp(v128.load(table, 112), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
        bytes = v128.shuffle<i64>(high01, high23, 0, 2);
        index = v128.and(bytes, i8x16.splat(15));
        a = lookUp(v128.load(table, 128), index), b = lookUp(v128.load(table, 144), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
        index = v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15));
        a = lookUp(v128.load(table, 160), index), b = lookUp(v128.load(table, 176), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
        bytes = v128.shuffle<i64>(high01, high23, 1, 3);
        index = v128.and(bytes, i8x16.splat(15));
        a = lookUp(v128.load(table, 192), index), b = lookUp(v128.load(table, 208), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
        index = v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15));
        a = lookUp(v128.load(table, 224), index), b = lookUp(v128.load(table, 240), index);
        low = i16x8.add(low, pairLow(a, b)), high = i16x8.add(high, pairHigh(a, b));
      }
      t0 = i32x4.add(t0, i32x4.extend_low_i16x8_s(low));
      t1 = i32x4.add(t1, i32x4.extend_high_i16x8_s(low));
      t2 = i32x4.add(t2, i32x4.extend_low_i16x8_s(high));
      t3 = i32x4.add(t3, i32x4.extend_high_i16x8_s(high));
    }
    put(y, t0, n, outputs, tokenScale, scales, outputsPerScale, accumulate);
    put(y, t1, n + 4, outputs, tokenScale, scales, outputsPerScale, accumulate);
    put(y, t2, n + 8, outputs, tokenScale, scales, outputsPerScale, accumulate);
    put(y, t3, n + 12, outputs, tokenScale, scales, outputsPerScale, accumulate);
  }
}

// an index is 0..15, within the table, where the relaxed instruction has no freedom; on x86 it is one instead of two
@inline
function lookUp(table: v128, index: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(table, index) : i8x16.swizzle(table, index);
}

// the 16 sums c0 x0 + c1 x1 at index c0 + 4 c1, codes 0, 1, 2 for 0, +1, -1: their low bytes, then their high ones
@inline
function buildPair(table: usize, x0: i16, x1: i16): void {
  const first = i16x8.mul(i16x8.splat(x0), i16x8(0, 1, -1, 0, 0, 1, -1, 0));
  const low = i16x8.add(first, i16x8.mul(i16x8.splat(x1), i16x8(0, 0, 0, 0, 1, 1, 1, 1)));
  const high = i16x8.add(first, i16x8.mul(i16x8.splat(x1), i16x8(-1, -1, -1, -1, 0, 0, 0, 0)));
  v128.store(table, v128.shuffle<i8>(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
  v128.store(table, v128.shuffle<i8>(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), 16);
}

@inline
function byBytes(rows: v128): v128 {
  return v128.shuffle<i8>(rows, rows, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

// low and high bytes of 16 looked-up sums to int16 of the first eight outputs, and of the others
@inline
function pairLow(low: v128, high: v128): v128 {
  return v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

@inline
function pairHigh(low: v128, high: v128): v128 {
  return v128.shuffle<i8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

@inline
function put(
  y: usize, totals: v128, n: u32, outputs: u32, tokenScale: f32, scales: usize, outputsPerScale: u32, accumulate: bool,
): void {
  if (n >= outputs) return;
  const left: i32 = outputs - n;
  const scale = scalesOf(scales, outputsPerScale, n, outputs);
  const value = f32x4.mul(f32x4.mul(scale, f32x4.convert_i32x4_s(totals)), f32x4.splat(tokenScale));
  putLanes(y + (<usize>n << 2), value, left, accumulate);
}

// the scales of four outputs; one division where they share it, as nearly always
@inline
function scalesOf(scales: usize, outputsPerScale: u32, n: u32, outputs: u32): v128 {
  const group = n / outputsPerScale;
  if (n + 4 <= (group + 1) * outputsPerScale) return v128.load32_splat(scales + (<usize>group << 2));
  const s0 = scaleOf(scales, outputsPerScale, n, outputs), s1 = scaleOf(scales, outputsPerScale, n + 1, outputs);
  const s2 = scaleOf(scales, outputsPerScale, n + 2, outputs), s3 = scaleOf(scales, outputsPerScale, n + 3, outputs);
  return v128.shuffle<f32>(v128.shuffle<f32>(s0, s1, 0, 4, 0, 4), v128.shuffle<f32>(s2, s3, 0, 4, 0, 4), 0, 1, 4, 5);
}
