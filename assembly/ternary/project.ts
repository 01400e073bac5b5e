import { loadLanes } from "../numeric/lanes";
import { storeColumns } from "../numeric/transpose";
import { PANEL_INPUTS } from "./codes";
import { scatter } from "./scatter";
import { TABLE_BYTES, addPanel, buildTable } from "./tables";

/** Tokens in the lanes of a wide tile. */
const WIDE = 16;
/** The same of tiles that serve the last few tokens, and decoding. */
const MIDDLE = 8;
const NARROW = 4;

/**
 * The table kernel: products of ternary matrices with float32 activations, without a multiplication but the scale.
 *
 * Tokens are lanes, 16 (wide), 8 (middle) or 4 (narrow) at a time. For each panel of 16 inputs four tables of signed sums are
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
    if (left > <u32>MIDDLE) {
      tile(rowY, yStride, rowX, xStride, codes, scales, outputsPerScale, min<u32>(left, WIDE), outputs, inputs, accumulate, scratch, WIDE * 4);
      t += WIDE;
    } else if (left > <u32>NARROW) {
      tile(rowY, yStride, rowX, xStride, codes, scales, outputsPerScale, left, outputs, inputs, accumulate, scratch, MIDDLE * 4);
      t += MIDDLE;
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
    for (let group: usize = 0; group < 4; group++) buildTable<f32>(scratch + group * TABLE_BYTES, rows + group * 4 * bytes, bytes, bytes);
    addPanel<f32>(yTile, codes + ((panel * outputs) << 2), scratch, outputs, bytes);
  }
  scatter<f32>(y, yStride, yTile, 0, scales, outputsPerScale, tokens, outputs, accumulate, bytes);
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

@inline
function padded(count: u32, multiple: u32): usize {
  return (<usize>count + multiple - 1) / multiple * multiple;
}
