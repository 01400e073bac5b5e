import { loadLanes, storeLanes } from "../numeric/lanes";
import { interleaveHigh, interleaveLow, joinHigh, joinLow, storeColumns } from "../numeric/transpose";
import { PANEL_INPUTS } from "./codes";
import { NARROW, TABLE_BYTES, WIDE, buildTable } from "./tables";

/**
 * The table kernel: products of ternary matrices with float32 activations, without a multiplication but the scale.
 *
 * Tokens are lanes, 16 (wide) or 4 (narrow) at a time. For each panel of 16 inputs four tables of signed sums are
 * built; every output row then costs one load and one addition per 4 weights and 4 tokens. Four tables fit a
 * first-level cache, and four look-ups are summed before the running sum is touched. A token's result is a function
 * of that token alone, in one order of additions, so any cut of a text into calls gives the same bits.
 */

/** Bytes of scratch that {@link ternaryForward} needs: four tables, a tile of inputs, a tile of outputs. */
export function ternaryScratchBytes(outputs: u32, inputs: u32): usize {
  const tile = <usize>WIDE * 4;
  return 4 * TABLE_BYTES + (padded(inputs, PANEL_INPUTS) + padded(outputs, 4)) * tile;
}

/**
 * y[t][n] (+)= scale * sum_k W[n][k] x[t][k] for W in {-1, 0, 1}.
 *
 * y: tokens x `outputs` in rows of `yStride` floats; x: tokens x `inputs` in rows of `xStride` floats;
 * codes: see codes.ts; scales: one float32 for every `outputsPerScale` rows (stacked matrices have one each).
 * With `accumulate`, y is added to. The gradient to an input is the same product with the transposed packing.
 */
export function ternaryForward(
  y: usize, yStride: u32, x: usize, xStride: u32,
  codes: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  let t: u32 = 0;
  while (t < tokens) {
    const left = tokens - t;
    const rowY = y + ((<usize>t * yStride) << 2);
    const rowX = x + ((<usize>t * xStride) << 2);
    if (left > <u32>NARROW) {
      tile(rowY, yStride, rowX, xStride, codes, scales, outputsPerScale, min<u32>(left, WIDE), outputs, inputs, accumulate, scratch, WIDE * 4);
      t += WIDE;
    } else {
      tile(rowY, yStride, rowX, xStride, codes, scales, outputsPerScale, left, outputs, inputs, accumulate, scratch, NARROW * 4);
      t += NARROW;
    }
  }
}

// compiled once for each width: `bytes`, those of a row of lanes, is a constant at both calls
@inline
function tile(
  y: usize, yStride: u32, x: usize, xStride: u32,
  codes: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize, bytes: usize,
): void {
  const xTile = scratch + 4 * TABLE_BYTES;
  const panels = padded(inputs, PANEL_INPUTS) / PANEL_INPUTS;
  const yTile = xTile + panels * PANEL_INPUTS * bytes;
  gather(xTile, x, xStride, tokens, inputs, panels * PANEL_INPUTS, bytes);
  memory.fill(yTile, 0, padded(outputs, 4) * bytes);
  for (let panel: usize = 0; panel < panels; panel++) {
    const rows = xTile + panel * PANEL_INPUTS * bytes;
    for (let group: usize = 0; group < 4; group++) buildTable(scratch + group * TABLE_BYTES, rows + group * 4 * bytes, bytes);
    addPanel(yTile, codes + ((panel * outputs) << 2), scratch, outputs, bytes);
  }
  scatter(y, yStride, yTile, scales, outputsPerScale, tokens, outputs, accumulate, bytes);
}

// yTile[n] += table0[b0] + table1[b1] + table2[b2] + table3[b3] for the four bytes of row n
@inline
function addPanel(yTile: usize, codes: usize, tables: usize, outputs: u32, bytes: usize): void {
  const table1 = tables + TABLE_BYTES, table2 = tables + 2 * TABLE_BYTES, table3 = tables + 3 * TABLE_BYTES;
  const mask: u32 = <u32>bytes * 255;
  const end = yTile + <usize>outputs * bytes;
  for (let row = yTile; row < end; row += bytes) {
    const packed = load<u32>(codes);
    codes += 4;
    // index times bytes, the shift taken together with the one that brings the byte down
    const a = tables + ((bytes == 64 ? packed << 6 : packed << 4) & mask);
    const b = table1 + ((bytes == 64 ? packed >>> 2 : packed >>> 4) & mask);
    const c = table2 + ((bytes == 64 ? packed >>> 10 : packed >>> 12) & mask);
    const d = table3 + ((bytes == 64 ? packed >>> 18 : packed >>> 20) & mask);
    v128.store(row, f32x4.add(v128.load(row), fourSum(v128.load(a), v128.load(b), v128.load(c), v128.load(d))));
    if (bytes == 64) {
      v128.store(row, f32x4.add(v128.load(row, 16), fourSum(v128.load(a, 16), v128.load(b, 16), v128.load(c, 16), v128.load(d, 16))), 16);
      v128.store(row, f32x4.add(v128.load(row, 32), fourSum(v128.load(a, 32), v128.load(b, 32), v128.load(c, 32), v128.load(d, 32))), 32);
      v128.store(row, f32x4.add(v128.load(row, 48), fourSum(v128.load(a, 48), v128.load(b, 48), v128.load(c, 48), v128.load(d, 48))), 48);
    }
  }
}

@inline
function fourSum(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
}

// xTile[k][t] = x[t][k]; tokens and inputs past the end are 0
@inline
function gather(xTile: usize, x: usize, xStride: u32, tokens: u32, inputs: u32, rows: usize, bytes: usize): void {
  const stride: usize = <usize>xStride << 2;
  const zero = f32x4.splat(0);
  for (let column: usize = 0; column < bytes; column += 16) {
    const t = <i32>(column >> 2);
    const present = <i32>tokens - t;
    const from = x + <usize>t * stride;
    for (let k: usize = 0; k < rows; k += 4) {
      const left = <i32>inputs - <i32>k;
      const at = from + (k << 2);
      const a = present > 0 && left > 0 ? loadLanes(at, left) : zero;
      const b = present > 1 && left > 0 ? loadLanes(at + stride, left) : zero;
      const c = present > 2 && left > 0 ? loadLanes(at + 2 * stride, left) : zero;
      const d = present > 3 && left > 0 ? loadLanes(at + 3 * stride, left) : zero;
      const to = xTile + k * bytes + column;
      storeColumns(to, bytes, a, b, c, d);
    }
  }
}

// y[t][n] (+)= scale of n * yTile[n][t]
@inline
function scatter(
  y: usize, yStride: u32, yTile: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, accumulate: bool, bytes: usize,
): void {
  const stride: usize = <usize>yStride << 2;
  for (let n: u32 = 0; n < outputs; n += 4) {
    const left = <i32>(outputs - n);
    const from = yTile + <usize>n * bytes;
    const s0 = scaleOf(scales, outputsPerScale, n, outputs), s1 = scaleOf(scales, outputsPerScale, n + 1, outputs);
    const s2 = scaleOf(scales, outputsPerScale, n + 2, outputs), s3 = scaleOf(scales, outputsPerScale, n + 3, outputs);
    for (let column: usize = 0; column < bytes; column += 16) {
      const present = <i32>tokens - <i32>(column >> 2);
      if (present <= 0) break;
      const a = f32x4.mul(s0, v128.load(from + column)), b = f32x4.mul(s1, v128.load(from + bytes + column));
      const c = f32x4.mul(s2, v128.load(from + 2 * bytes + column)), d = f32x4.mul(s3, v128.load(from + 3 * bytes + column));
      const lowAB = interleaveLow(a, b), highAB = interleaveHigh(a, b);
      const lowCD = interleaveLow(c, d), highCD = interleaveHigh(c, d);
      const to = y + (column >> 2) * stride + (<usize>n << 2);
      put(to, joinLow(lowAB, lowCD), left, accumulate);
      if (present > 1) put(to + stride, joinHigh(lowAB, lowCD), left, accumulate);
      if (present > 2) put(to + 2 * stride, joinLow(highAB, highCD), left, accumulate);
      if (present > 3) put(to + 3 * stride, joinHigh(highAB, highCD), left, accumulate);
    }
  }
}

@inline
function scaleOf(scales: usize, outputsPerScale: u32, n: u32, outputs: u32): v128 {
  return v128.load32_splat(scales + ((<usize>min<u32>(n, outputs - 1) / outputsPerScale) << 2));
}

@inline
function put(to: usize, lanes: v128, left: i32, accumulate: bool): void {
  storeLanes(to, accumulate ? f32x4.add(loadLanes(to, left), lanes) : lanes, left);
}

@inline
function padded(count: u32, multiple: u32): usize {
  return (<usize>count + multiple - 1) / multiple * multiple;
}
