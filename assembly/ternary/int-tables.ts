import { TABLE_BYTES } from "./tables";

/**
 * The table of one group of four inputs, as in tables.ts, for int8 inputs: int16 sums of 32 tokens (four vectors) or
 * of 8 (one). An entry is at most 4 * 127 in size.
 */

/** Tokens in the lanes of a wide integer tile; its entries have the 64 bytes of a wide float tile's. */
export const WIDE_INT = 32;
/** Tokens in the lanes of a narrow one. */
export const NARROW_INT = 8;

/** Panels whose sums fit into int16: 16 panels of 16 inputs of at most 127 make 32,512. */
export const SAFE_PANELS: usize = 16;

/**
 * Fills the table at `table` from four rows of int8 at `inputs`, `stride` bytes apart. `entryBytes` is 64 or 16.
 * The same nine times nine sums as buildTable's.
 */
@inline
export function buildIntTable(table: usize, inputs: usize, stride: usize, entryBytes: usize): void {
  for (let column: usize = 0; column < entryBytes; column += 16) {
    const x = inputs + (column >> 1);
    const x0 = v128.load8x8_s(x), x1 = v128.load8x8_s(x + stride);
    const x2 = v128.load8x8_s(x + 2 * stride), x3 = v128.load8x8_s(x + 3 * stride);
    const zero = i16x8.splat(0);
    const pairs = table + column;
    // the nine sums of the second pair, at indices c2 * 16 + c3 * 64
    addNine(pairs, entryBytes, x0, x1, zero);
    addNine(pairs + 16 * entryBytes, entryBytes, x0, x1, x2);
    addNine(pairs + 32 * entryBytes, entryBytes, x0, x1, i16x8.neg(x2));
    addNine(pairs + 64 * entryBytes, entryBytes, x0, x1, x3);
    addNine(pairs + 80 * entryBytes, entryBytes, x0, x1, i16x8.add(x2, x3));
    addNine(pairs + 96 * entryBytes, entryBytes, x0, x1, i16x8.sub(x3, x2));
    addNine(pairs + 128 * entryBytes, entryBytes, x0, x1, i16x8.neg(x3));
    addNine(pairs + 144 * entryBytes, entryBytes, x0, x1, i16x8.sub(x2, x3));
    addNine(pairs + 160 * entryBytes, entryBytes, x0, x1, i16x8.neg(i16x8.add(x2, x3)));
  }
}

// entries c0 + 4 c1 from `entry` on
@inline
function addNine(entry: usize, entryBytes: usize, x0: v128, x1: v128, second: v128): void {
  const sum = i16x8.add(x0, x1), difference = i16x8.sub(x0, x1);
  v128.store(entry, second);
  v128.store(entry + entryBytes, i16x8.add(second, x0));
  v128.store(entry + 2 * entryBytes, i16x8.sub(second, x0));
  v128.store(entry + 4 * entryBytes, i16x8.add(second, x1));
  v128.store(entry + 5 * entryBytes, i16x8.add(second, sum));
  v128.store(entry + 6 * entryBytes, i16x8.sub(second, difference));
  v128.store(entry + 8 * entryBytes, i16x8.sub(second, x1));
  v128.store(entry + 9 * entryBytes, i16x8.add(second, difference));
  v128.store(entry + 10 * entryBytes, i16x8.sub(second, sum));
}
