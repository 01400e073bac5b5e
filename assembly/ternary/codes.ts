import { loadLanes } from "../numeric/lanes";

/**
 * Ternary weights, two bits each: 0 -> 0, 1 -> +1, 2 -> -1.
 *
 * The codes of a matrix of `outputs` rows over `inputs` lie in panels of 16 inputs:
 * [ceil(inputs / 16)][outputs][4 bytes], four inputs to a byte, the first in the low bits. A panel is what one pass
 * of the table kernel reads, in the order in which it reads it; a byte is its table index. Inputs past the end have
 * code 0 (the arena starts as zeros and those bits are never set).
 */

/** Inputs in a panel of codes. */
export const PANEL_INPUTS = 16;

/** s = max(mean|W|, 1e-5), the scale of a ternary matrix, from the sum of |W| (MODEL.md, BitLinear). */
export function ternaryScale(sumOfAbsolutes: f64, count: u32): f32 {
  return max<f32>(<f32>(sumOfAbsolutes / <f64>count), 1e-5);
}

/**
 * Quantises rows [row, row + rows) of W (outputs x inputs, row-major; `weights` is the address of row `row`) to
 * clamp(round_half_even(W / scale), -1, 1) and packs them twice: `codes` for y = W x, where they are outputs
 * `firstOutput + row ..` of `totalOutputs` stacked rows, and `codesT` for dx = W^T dy, where they are inputs
 * `row ..` and the columns of W the outputs. `row` must be a multiple of 16.
 */
export function packTernary(
  codes: usize, totalOutputs: u32, firstOutput: u32,
  codesT: usize, inputs: u32,
  weights: usize, row: u32, rows: u32, scale: f32,
): void {
  const rowBytes: usize = <usize>inputs << 2;
  for (let r: u32 = 0; r < rows; r += 4) {
    const output: usize = row + r;
    const present: u32 = min<u32>(4, rows - r);
    const w = weights + <usize>r * rowBytes;
    for (let k: u32 = 0; k < inputs; k += 4) {
      const left: i32 = <i32>(inputs - k);
      const at = w + (<usize>k << 2);
      const q0 = codesOf(loadLanes(at, left), scale);
      const q1 = present > 1 ? codesOf(loadLanes(at + rowBytes, left), scale) : i32x4.splat(0);
      const q2 = present > 2 ? codesOf(loadLanes(at + 2 * rowBytes, left), scale) : i32x4.splat(0);
      const q3 = present > 3 ? codesOf(loadLanes(at + 3 * rowBytes, left), scale) : i32x4.splat(0);

      // forward: the four codes of a row share a byte
      const panel = codes + ((((<usize>k >> 4) * totalOutputs + firstOutput + output) << 2) + ((<usize>k >> 2) & 3));
      store<u8>(panel, byteOf(q0));
      if (present > 1) store<u8>(panel, byteOf(q1), 4);
      if (present > 2) store<u8>(panel, byteOf(q2), 8);
      if (present > 3) store<u8>(panel, byteOf(q3), 12);

      // transposed: the four codes of a column share a byte
      const columns = v128.or(
        v128.or(q0, i32x4.shl(q1, 2)),
        v128.or(i32x4.shl(q2, 4), i32x4.shl(q3, 6)),
      );
      const panelT = codesT + ((((output >> 4) * inputs + <usize>k) << 2) + ((output >> 2) & 3));
      store<u8>(panelT, <u8>i32x4.extract_lane(columns, 0));
      if (left > 1) store<u8>(panelT, <u8>i32x4.extract_lane(columns, 1), 4);
      if (left > 2) store<u8>(panelT, <u8>i32x4.extract_lane(columns, 2), 8);
      if (left > 3) store<u8>(panelT, <u8>i32x4.extract_lane(columns, 3), 12);
    }
  }
}

/**
 * Whether the codes of rows `firstOutput ..` of `totalOutputs` stacked ones, which come from a file, are such as
 * packTernary writes: no code of 3, which would lead past the tables, and 0 for the inputs past the last.
 */
export function codesAreValid(codes: usize, totalOutputs: u32, firstOutput: u32, outputs: u32, inputs: u32): bool {
  let wrong = i32x4.splat(0);
  for (let input: u32 = 0; input < inputs; input += PANEL_INPUTS) {
    const left: i32 = <i32>(inputs - input);
    const beyond = i32x4.splat(left < PANEL_INPUTS ? -1 << (2 * left) : 0);
    const panel = codes + ((<usize>(input >> 4) * totalOutputs + firstOutput) << 2);
    for (let output: u32 = 0; output < outputs; output += 4) {
      const four = loadLanes(panel + (<usize>output << 2), <i32>(outputs - output));
      const threes = v128.and(v128.and(four, i32x4.shr_u(four, 1)), i32x4.splat(0x55555555));
      wrong = v128.or(wrong, v128.or(threes, v128.and(four, beyond)));
    }
  }
  return !v128.any_true(wrong);
}

// -1, 0, 1 as 2, 0, 1: the magnitude bit, plus the sign bit
@inline
function codesOf(weights: v128, scale: f32): v128 {
  const rounded = f32x4.nearest(f32x4.div(weights, f32x4.splat(scale)));
  const q = i32x4.trunc_sat_f32x4_s(f32x4.max(f32x4.min(rounded, f32x4.splat(1)), f32x4.splat(-1)));
  return i32x4.add(v128.and(q, i32x4.splat(1)), i32x4.shr_u(q, 31));
}

@inline
function byteOf(codes: v128): u8 {
  return <u8>(
    i32x4.extract_lane(codes, 0) |
    (i32x4.extract_lane(codes, 1) << 2) |
    (i32x4.extract_lane(codes, 2) << 4) |
    (i32x4.extract_lane(codes, 3) << 6)
  );
}
