import { loadLanes, storeLanes } from "../numeric/lanes";
import { interleaveHigh, interleaveLow, joinHigh, joinLow } from "../numeric/transpose";
import { PANEL_INPUTS } from "./codes";
import { buildIntTable, NARROW_INT, SAFE_PANELS, WIDE_INT } from "./int-tables";
import { TABLE_BYTES } from "./tables";

/**
 * The table kernel on int8 inputs: as project.ts, but with exact sums, so nothing depends on their order. int16 holds
 * the sums of 16 panels; then they go to int32 totals. 32 tokens (wide) or 8 (narrow) at a time.
 */

/** Bytes of scratch that {@link intTernaryForward} needs: four tables, a tile of int16 sums, one of int32 totals. */
export function intTernaryScratchBytes(outputs: u32): usize {
  return 4 * TABLE_BYTES + ((<usize>outputs + 3) & ~3) * (WIDE_INT * 6);
}

/**
 * y[t][n] (+)= scale of n * tokenScales[t] * sum_k W[n][k] q[k][t] for W in {-1, 0, 1} and |q| <= 127.
 *
 * y: tokens x `outputs` in rows of `yStride` floats; q: see quantize.ts, `stride` bytes a row, readable to the
 * next multiple of 16 rows; codes and scales as for ternaryForward.
 */
export function intTernaryForward(
  y: usize, yStride: u32, q: usize, stride: u32, tokenScales: usize,
  codes: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  let t: u32 = 0;
  while (t < tokens) {
    const left = tokens - t;
    const rowY = y + ((<usize>t * yStride) << 2);
    if (left > <u32>NARROW_INT) {
      tile(rowY, yStride, q + t, stride, tokenScales + (<usize>t << 2), codes, scales, outputsPerScale, min<u32>(left, WIDE_INT), outputs, inputs, accumulate, scratch, WIDE_INT * 2);
      t += WIDE_INT;
    } else {
      tile(rowY, yStride, q + t, stride, tokenScales + (<usize>t << 2), codes, scales, outputsPerScale, left, outputs, inputs, accumulate, scratch, NARROW_INT * 2);
      t += NARROW_INT;
    }
  }
}

// compiled once for each width: `bytes`, those of a row of int16 lanes, is a constant at both calls
@inline
function tile(
  y: usize, yStride: u32, q: usize, stride: usize, tokenScales: usize,
  codes: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize, bytes: usize,
): void {
  const panels = (<usize>inputs + PANEL_INPUTS - 1) / PANEL_INPUTS;
  const rows: usize = (<usize>outputs + 3) & ~3;
  const totals = scratch + 4 * TABLE_BYTES;
  const sums = totals + rows * bytes * 2;
  memory.fill(totals, 0, rows * bytes * 3);
  for (let panel: usize = 0; panel < panels; panel++) {
    const inputRows = q + panel * PANEL_INPUTS * stride;
    for (let group: usize = 0; group < 4; group++) buildIntTable(scratch + group * TABLE_BYTES, inputRows + group * 4 * stride, stride, bytes);
    addPanel(sums, codes + ((panel * outputs) << 2), scratch, outputs, bytes);
    if ((panel + 1) % SAFE_PANELS == 0 || panel + 1 == panels) addTotals(totals, sums, rows * bytes);
  }
  scatter(y, yStride, totals, tokenScales, scales, outputsPerScale, tokens, outputs, accumulate, bytes * 2);
}

// sums[n] += table0[b0] + table1[b1] + table2[b2] + table3[b3] for the four bytes of row n
@inline
function addPanel(sums: usize, codes: usize, tables: usize, outputs: u32, bytes: usize): void {
  const table1 = tables + TABLE_BYTES, table2 = tables + 2 * TABLE_BYTES, table3 = tables + 3 * TABLE_BYTES;
  const mask: u32 = <u32>bytes * 255;
  const end = sums + <usize>outputs * bytes;
  for (let row = sums; row < end; row += bytes) {
    const packed = load<u32>(codes);
    codes += 4;
    // index times bytes, the shift taken together with the one that brings the byte down
    const a = tables + ((bytes == 64 ? packed << 6 : packed << 4) & mask);
    const b = table1 + ((bytes == 64 ? packed >>> 2 : packed >>> 4) & mask);
    const c = table2 + ((bytes == 64 ? packed >>> 10 : packed >>> 12) & mask);
    const d = table3 + ((bytes == 64 ? packed >>> 18 : packed >>> 20) & mask);
    v128.store(row, i16x8.add(v128.load(row), fourSum(v128.load(a), v128.load(b), v128.load(c), v128.load(d))));
    if (bytes == 64) {
      v128.store(row, i16x8.add(v128.load(row, 16), fourSum(v128.load(a, 16), v128.load(b, 16), v128.load(c, 16), v128.load(d, 16))), 16);
      v128.store(row, i16x8.add(v128.load(row, 32), fourSum(v128.load(a, 32), v128.load(b, 32), v128.load(c, 32), v128.load(d, 32))), 32);
      v128.store(row, i16x8.add(v128.load(row, 48), fourSum(v128.load(a, 48), v128.load(b, 48), v128.load(c, 48), v128.load(d, 48))), 48);
    }
  }
}

@inline
function fourSum(a: v128, b: v128, c: v128, d: v128): v128 {
  return i16x8.add(i16x8.add(a, b), i16x8.add(c, d));
}

// totals += sums, and sums = 0
@inline
function addTotals(totals: usize, sums: usize, bytes: usize): void {
  for (const end = sums + bytes; sums < end; sums += 16) {
    const sum = v128.load(sums);
    v128.store(totals, i32x4.add(v128.load(totals), i32x4.extend_low_i16x8_s(sum)));
    v128.store(totals, i32x4.add(v128.load(totals, 16), i32x4.extend_high_i16x8_s(sum)), 16);
    v128.store(sums, i16x8.splat(0));
    totals += 32;
  }
}

// y[t][n] (+)= (scale of n * totals[n][t]) * tokenScales[t]
@inline
function scatter(
  y: usize, yStride: u32, totals: usize, tokenScales: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, accumulate: bool, bytes: usize,
): void {
  const stride: usize = <usize>yStride << 2;
  for (let n: u32 = 0; n < outputs; n += 4) {
    const left = <i32>(outputs - n);
    const from = totals + <usize>n * bytes;
    const s0 = scaleOf(scales, outputsPerScale, n, outputs), s1 = scaleOf(scales, outputsPerScale, n + 1, outputs);
    const s2 = scaleOf(scales, outputsPerScale, n + 2, outputs), s3 = scaleOf(scales, outputsPerScale, n + 3, outputs);
    for (let column: usize = 0; column < bytes; column += 16) {
      const present = <i32>tokens - <i32>(column >> 2);
      if (present <= 0) break;
      const a = f32x4.mul(s0, f32x4.convert_i32x4_s(v128.load(from + column)));
      const b = f32x4.mul(s1, f32x4.convert_i32x4_s(v128.load(from + bytes + column)));
      const c = f32x4.mul(s2, f32x4.convert_i32x4_s(v128.load(from + 2 * bytes + column)));
      const d = f32x4.mul(s3, f32x4.convert_i32x4_s(v128.load(from + 3 * bytes + column)));
      const lowAB = interleaveLow(a, b), highAB = interleaveHigh(a, b);
      const lowCD = interleaveLow(c, d), highCD = interleaveHigh(c, d);
      const to = y + (column >> 2) * stride + (<usize>n << 2), token = tokenScales + column;
      put(to, joinLow(lowAB, lowCD), token, left, accumulate);
      if (present > 1) put(to + stride, joinHigh(lowAB, lowCD), token + 4, left, accumulate);
      if (present > 2) put(to + 2 * stride, joinLow(highAB, highCD), token + 8, left, accumulate);
      if (present > 3) put(to + 3 * stride, joinHigh(highAB, highCD), token + 12, left, accumulate);
    }
  }
}

@inline
function scaleOf(scales: usize, outputsPerScale: u32, n: u32, outputs: u32): v128 {
  return v128.load32_splat(scales + ((<usize>min<u32>(n, outputs - 1) / outputsPerScale) << 2));
}

@inline
function put(to: usize, lanes: v128, token: usize, left: i32, accumulate: bool): void {
  const value = f32x4.mul(lanes, v128.load32_splat(token));
  storeLanes(to, accumulate ? f32x4.add(loadLanes(to, left), value) : value, left);
}
