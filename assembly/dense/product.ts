import { putLanes } from "../numeric/lanes";
import { PANEL_COLUMNS, PANEL_ROWS, packRows, rowPanelBytes } from "./panels";

/**
 * Depth at most that is summed in registers before it is added to C. Short sums keep the rounding of long ones down
 * (4.3e-6 to 3.3e-6 in a logit of the golden files), and panels this deep stay in a first-level cache. Sums over a
 * vocabulary touch C half as often (1.5 % faster).
 */
const DEPTH_BLOCK: u32 = 256;
const LONG_DEPTH_BLOCK: u32 = 512;
/** From here on a sum is long. */
const LONG: u32 = 2048;
/** Rows of A packed at a time: this many stay in a second-level cache. */
const ROW_BLOCK: u32 = 320;

const EDGE_BYTES: usize = PANEL_ROWS * PANEL_COLUMNS * 4;

/** Bytes of scratch that {@link denseForward} needs. */
export function denseScratchBytes(): usize {
  return rowPanelBytes(ROW_BLOCK, LONG_DEPTH_BLOCK) + EDGE_BYTES;
}

/**
 * C[m][n] (+)= sum_k A(m, k) B(k, n) in float32.
 *
 * C: rows of `cStride` floats; A(m, k) at `a` + (m * rowStride + k * depthStride) floats, in any orientation;
 * `panels`: B packed by `packColumns`, depth x columns. With `accumulate`, C is added to.
 * An element of C is summed over k in order, in equal blocks that depend on the depth alone, whatever the number of
 * rows and columns: one row alone (decoding) has the same bits as that row among many (training).
 */
export function denseForward(
  c: usize, cStride: u32, a: usize, rowStride: u32, depthStride: u32, panels: usize,
  rows: u32, columns: u32, depth: u32, accumulate: bool, scratch: usize,
): void {
  const strideC: usize = <usize>cStride << 2;
  const edge = scratch;
  const packed = scratch + EDGE_BYTES;
  if (depth == 0 && !accumulate) {
    for (let m: u32 = 0; m < rows; m++) memory.fill(c + <usize>m * strideC, 0, <usize>columns << 2);
  }
  const most = depth < LONG ? DEPTH_BLOCK : LONG_DEPTH_BLOCK;
  const blocks = max<u32>(1, (depth + most - 1) / most);
  const blockDepth = (depth + blocks - 1) / blocks;
  for (let k: u32 = 0; k < depth; k += blockDepth) {
    const depthHere = min<u32>(blockDepth, depth - k);
    const add = accumulate || k > 0;
    if (rows == 1) {
      multiplyRow(c, a + ((<usize>k * depthStride) << 2), depthStride, panels + <usize>k * (PANEL_COLUMNS * 4), <usize>depth * (PANEL_COLUMNS * 4), columns, depthHere, add);
      continue;
    }
    for (let m: u32 = 0; m < rows; m += ROW_BLOCK) {
      const rowsHere = min<u32>(ROW_BLOCK, rows - m);
      packRows(packed, a + ((<usize>m * rowStride + <usize>k * depthStride) << 2), rowStride, depthStride, rowsHere, depthHere);
      for (let n: u32 = 0; n < columns; n += PANEL_COLUMNS) {
        const b = panels + ((<usize>(n / PANEL_COLUMNS) * depth + k) * (PANEL_COLUMNS * 4));
        const cPanel = c + <usize>m * strideC + (<usize>n << 2);
        const columnsHere = min<u32>(PANEL_COLUMNS, columns - n);
        for (let i: u32 = 0; i < rowsHere; i += PANEL_ROWS) {
          const aPanel = packed + <usize>i * depthHere * 4;
          const block = cPanel + <usize>i * strideC;
          const rowsBlock = min<u32>(PANEL_ROWS, rowsHere - i);
          if (!add && rowsBlock == PANEL_ROWS && columnsHere == PANEL_COLUMNS) {
            multiplyPanels(block, strideC, aPanel, b, depthHere);
          } else {
            multiplyPanels(edge, PANEL_COLUMNS * 4, aPanel, b, depthHere);
            putBlock(block, strideC, edge, rowsBlock, columnsHere, add);
          }
        }
      }
    }
  }
}

// 5 rows x 8 columns of C in 10 vector registers; with two vectors of B and one of A that leaves three of x86's
// sixteen. Wider blocks spill, and so does Node 20 when C is added to here, after the loop: half the speed.
function multiplyPanels(c: usize, strideC: usize, a: usize, b: usize, depth: u32): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  const end = b + <usize>depth * (PANEL_COLUMNS * 4);
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    c00 = multiplyAdd(c00, s, b0);
    c01 = multiplyAdd(c01, s, b1);
    s = v128.load32_splat(a, 4);
    c10 = multiplyAdd(c10, s, b0);
    c11 = multiplyAdd(c11, s, b1);
    s = v128.load32_splat(a, 8);
    c20 = multiplyAdd(c20, s, b0);
    c21 = multiplyAdd(c21, s, b1);
    s = v128.load32_splat(a, 12);
    c30 = multiplyAdd(c30, s, b0);
    c31 = multiplyAdd(c31, s, b1);
    s = v128.load32_splat(a, 16);
    c40 = multiplyAdd(c40, s, b0);
    c41 = multiplyAdd(c41, s, b1);
    a += PANEL_ROWS * 4;
    b += PANEL_COLUMNS * 4;
  }
  c = storeRow(c, strideC, c00, c01);
  c = storeRow(c, strideC, c10, c11);
  c = storeRow(c, strideC, c20, c21);
  c = storeRow(c, strideC, c30, c31);
  storeRow(c, strideC, c40, c41);
}

// One row of C, the same sums: four panels at a time, since one would wait for each addition.
function multiplyRow(
  c: usize, a: usize, depthStride: u32, panels: usize, panelBytes: usize, columns: u32, depth: u32, add: bool,
): void {
  const step: usize = <usize>depthStride << 2;
  const last = panels + ((<usize>columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS - 1) * panelBytes;
  for (let n: u32 = 0; n < columns; n += 4 * PANEL_COLUMNS) {
    // past the end the last panel again, whose sums are dropped
    let b0 = panels, b1 = min<usize>(last, b0 + panelBytes), b2 = min<usize>(last, b0 + 2 * panelBytes), b3 = min<usize>(last, b0 + 3 * panelBytes);
    let s00 = f32x4.splat(0), s01 = f32x4.splat(0), s10 = f32x4.splat(0), s11 = f32x4.splat(0);
    let s20 = f32x4.splat(0), s21 = f32x4.splat(0), s30 = f32x4.splat(0), s31 = f32x4.splat(0);
    const end = b0 + <usize>depth * (PANEL_COLUMNS * 4);
    for (let at = a; b0 < end; at += step) {
      const x = v128.load32_splat(at);
      s00 = multiplyAdd(s00, x, v128.load(b0)), s01 = multiplyAdd(s01, x, v128.load(b0, 16));
      s10 = multiplyAdd(s10, x, v128.load(b1)), s11 = multiplyAdd(s11, x, v128.load(b1, 16));
      s20 = multiplyAdd(s20, x, v128.load(b2)), s21 = multiplyAdd(s21, x, v128.load(b2, 16));
      s30 = multiplyAdd(s30, x, v128.load(b3)), s31 = multiplyAdd(s31, x, v128.load(b3, 16));
      b0 += PANEL_COLUMNS * 4, b1 += PANEL_COLUMNS * 4, b2 += PANEL_COLUMNS * 4, b3 += PANEL_COLUMNS * 4;
    }
    putColumns(c, s00, s01, n, columns, add);
    putColumns(c, s10, s11, n + PANEL_COLUMNS, columns, add);
    putColumns(c, s20, s21, n + 2 * PANEL_COLUMNS, columns, add);
    putColumns(c, s30, s31, n + 3 * PANEL_COLUMNS, columns, add);
    panels += 4 * panelBytes;
  }
}

@inline
function putColumns(c: usize, low: v128, high: v128, n: u32, columns: u32, add: bool): void {
  if (n < columns) putLanes(c + (<usize>n << 2), low, columns - n, add);
  if (n + 4 < columns) putLanes(c + (<usize>(n + 4) << 2), high, columns - n - 4, add);
}

// two roundings, never a fused one: fusing is the host's choice and would differ between hosts
@inline
function multiplyAdd(sum: v128, a: v128, b: v128): v128 {
  return f32x4.add(sum, f32x4.mul(a, b));
}

// gives the address of the next row
@inline
function storeRow(row: usize, stride: usize, low: v128, high: v128): usize {
  v128.store(row, low);
  v128.store(row, high, 16);
  return row + stride;
}

// C = or += what the kernel left in the edge block
function putBlock(c: usize, strideC: usize, edge: usize, rows: u32, columns: u32, add: bool): void {
  for (let i: u32 = 0; i < rows; i++) {
    putLanes(c, v128.load(edge), columns, add);
    if (columns > 4) putLanes(c + 16, v128.load(edge, 16), columns - 4, add);
    c += strideC;
    edge += PANEL_COLUMNS * 4;
  }
}
