import { loadLanes } from "../numeric/lanes";

/**
 * Matrices copied into the order in which the dense kernel reads them: panels of a few rows or columns, the
 * dimension that is summed over running slowest inside a panel. The copies let one kernel serve every orientation.
 */

/** Rows of the left operand in a panel. */
export const PANEL_ROWS = 5;
/** Columns of the right operand in a panel. */
export const PANEL_COLUMNS = 8;

/** Bytes of a right operand of `depth` x `columns`, packed. */
export function columnPanelBytes(depth: u32, columns: u32): usize {
  return ((<usize>columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS) * depth * (PANEL_COLUMNS * 4);
}

/** Bytes of a left operand of `rows` x `depth`, packed. */
export function rowPanelBytes(rows: u32, depth: u32): usize {
  return ((<usize>rows + PANEL_ROWS - 1) / PANEL_ROWS) * depth * (PANEL_ROWS * 4);
}

/**
 * Packs a right operand B into [ceil(columns / 8)][depth][8], columns past the end 0.
 * B(k, n) lies at `source` + (k * depthStride + n * columnStride) floats.
 */
export function packColumns(
  panels: usize, source: usize, depthStride: u32, columnStride: u32, depth: u32, columns: u32,
): void {
  const stepK: usize = <usize>depthStride << 2;
  const stepN: usize = <usize>columnStride << 2;
  let to = panels;
  for (let n: u32 = 0; n < columns; n += PANEL_COLUMNS) {
    const left = <i32>min<u32>(columns - n, PANEL_COLUMNS);
    let from = source + <usize>n * stepN;
    for (let k: u32 = 0; k < depth; k++) {
      if (columnStride == 1) {
        v128.store(to, loadLanes(from, left));
        v128.store(to, left > 4 ? loadLanes(from + 16, left - 4) : f32x4.splat(0), 16);
      } else {
        for (let j: i32 = 0; j < PANEL_COLUMNS; j++) {
          store<f32>(to + (<usize>j << 2), j < left ? load<f32>(from + <usize>j * stepN) : 0);
        }
      }
      from += stepK;
      to += PANEL_COLUMNS * 4;
    }
  }
}

/**
 * Packs a left operand A into [ceil(rows / 5)][depth][5], rows past the end 0.
 * A(m, k) lies at `source` + (m * rowStride + k * depthStride) floats.
 */
export function packRows(
  panels: usize, source: usize, rowStride: u32, depthStride: u32, rows: u32, depth: u32,
): void {
  const stepM: usize = <usize>rowStride << 2;
  const stepK: usize = <usize>depthStride << 2;
  let to = panels;
  for (let m: u32 = 0; m < rows; m += PANEL_ROWS) {
    const left = <i32>min<u32>(rows - m, PANEL_ROWS);
    let from = source + <usize>m * stepM;
    for (let k: u32 = 0; k < depth; k++) {
      if (left == PANEL_ROWS) {
        if (rowStride == 1) {
          v128.store(to, v128.load(from));
        } else {
          store<f32>(to, load<f32>(from));
          store<f32>(to, load<f32>(from + stepM), 4);
          store<f32>(to, load<f32>(from + 2 * stepM), 8);
          store<f32>(to, load<f32>(from + 3 * stepM), 12);
        }
        store<f32>(to, load<f32>(from + 4 * stepM), 16);
      } else {
        for (let i: i32 = 0; i < PANEL_ROWS; i++) {
          store<f32>(to + (<usize>i << 2), i < left ? load<f32>(from + <usize>i * stepM) : 0);
        }
      }
      from += stepK;
      to += PANEL_ROWS * 4;
    }
  }
}
