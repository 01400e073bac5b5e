import { PANEL_INPUTS } from "./codes";
import { intTernaryDecode, intTernaryDecodeScratchBytes } from "./int-decode";
import { scatter } from "./scatter";
import { TABLE_BYTES, addPanel, buildTable } from "./tables";

/** Tokens in the int16 lanes of a wide tile; of a middle and a narrow one, for the last few tokens and for decoding. */
const WIDE = 32;
const MIDDLE = 16;
const NARROW = 8;

/** Panels whose sums fit into int16: 16 panels of 16 inputs of at most 127 make 32,512. */
const SAFE_PANELS: usize = 16;

/**
 * The table kernel on int8 inputs: as project.ts, but with exact sums, so nothing depends on their order. int16 holds
 * the sums of 16 panels; then they go to int32 totals. 32 tokens (wide), 16 (middle) or 8
 * (narrow) at a time.
 */

/** Bytes of scratch that {@link intTernaryForward} needs: four tables, a tile of int16 sums, one of int32 totals. */
export function intTernaryScratchBytes(outputs: u32, inputs: u32): usize {
  const tables = 4 * TABLE_BYTES + ((<usize>outputs + 3) & ~3) * (<usize>WIDE * 6);
  return max<usize>(tables, intTernaryDecodeScratchBytes(inputs));
}

/**
 * y[t][n] (+)= scale of n * tokenScales[t] * sum_k W[n][k] q[k][t] for W in {-1, 0, 1} and |q| <= 127.
 *
 * y: tokens x `outputs` in rows of `yStride` floats; q: see quantize.ts, `stride` bytes a row, readable to the
 * next multiple of 16 rows; codes (readable for 15 rows more) and scales as for ternaryForward.
 */
export function intTernaryForward(
  y: usize, yStride: u32, q: usize, stride: u32, tokenScales: usize,
  codes: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  if (tokens == 1) {
    intTernaryDecode(y, q, stride, load<f32>(tokenScales), codes, scales, outputsPerScale, outputs, inputs, accumulate, scratch);
    return;
  }
  let t: u32 = 0;
  while (t < tokens) {
    const left = tokens - t;
    const rowY = y + ((<usize>t * yStride) << 2);
    if (left > <u32>MIDDLE) {
      tile(rowY, yStride, q + t, stride, tokenScales + (<usize>t << 2), codes, scales, outputsPerScale, min<u32>(left, WIDE), outputs, inputs, accumulate, scratch, WIDE * 2);
      t += WIDE;
    } else if (left > <u32>NARROW) {
      tile(rowY, yStride, q + t, stride, tokenScales + (<usize>t << 2), codes, scales, outputsPerScale, left, outputs, inputs, accumulate, scratch, MIDDLE * 2);
      t += MIDDLE;
    } else {
      tile(rowY, yStride, q + t, stride, tokenScales + (<usize>t << 2), codes, scales, outputsPerScale, left, outputs, inputs, accumulate, scratch, NARROW * 2);
      t += NARROW;
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
    for (let group: usize = 0; group < 4; group++) buildTable<i16>(scratch + group * TABLE_BYTES, inputRows + group * 4 * stride, stride, bytes);
    addPanel<i16>(sums, codes + ((panel * outputs) << 2), scratch, outputs, bytes);
    if ((panel + 1) % SAFE_PANELS == 0 || panel + 1 == panels) addTotals(totals, sums, rows * bytes);
  }
  scatter<i32>(y, yStride, totals, tokenScales, scales, outputsPerScale, tokens, outputs, accumulate, bytes * 2);
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
