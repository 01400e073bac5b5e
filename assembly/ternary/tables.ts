/**
 * The table of one group of four inputs: all 81 sums c0 x0 + c1 x1 + c2 x2 + c3 x3 with c in {0, +1, -1}, for 4 or
 * 16 tokens in lanes. The packed byte of four codes is the index, so entries lie 16 or 64 bytes apart and three of
 * four index values of a digit are used.
 */

/** One past the largest table index, code 2 (-1) in all four places. */
export const TABLE_ENTRIES = 171;

/** Tokens in the lanes of a wide tile. */
export const WIDE = 16;
/** Tokens in the lanes of a narrow tile, which serves the last few tokens, and decoding. */
export const NARROW = 4;

/** Bytes of a wide table; narrow ones lie equally far apart. */
export const TABLE_BYTES = TABLE_ENTRIES * WIDE * 4;

/**
 * Fills the table at `table` from four rows of `entryBytes` bytes (16 or 64) at `inputs`.
 * The sum is (c0 x0 + c1 x1) + (c2 x2 + c3 x3): nine sums of the first pair are kept in registers and added to each
 * of the nine of the second.
 */
@inline
export function buildTable(table: usize, inputs: usize, entryBytes: usize): void {
  for (let column: usize = 0; column < entryBytes; column += 16) {
    const x = inputs + column;
    const x0 = v128.load(x), x1 = v128.load(x + entryBytes);
    const x2 = v128.load(x + 2 * entryBytes), x3 = v128.load(x + 3 * entryBytes);
    const zero = f32x4.splat(0);
    const pairs = table + column;
    // the nine sums of the second pair, at indices c2 * 16 + c3 * 64
    addNine(pairs, entryBytes, x0, x1, zero);
    addNine(pairs + 16 * entryBytes, entryBytes, x0, x1, x2);
    addNine(pairs + 32 * entryBytes, entryBytes, x0, x1, f32x4.neg(x2));
    addNine(pairs + 64 * entryBytes, entryBytes, x0, x1, x3);
    addNine(pairs + 80 * entryBytes, entryBytes, x0, x1, f32x4.add(x2, x3));
    addNine(pairs + 96 * entryBytes, entryBytes, x0, x1, f32x4.sub(x3, x2));
    addNine(pairs + 128 * entryBytes, entryBytes, x0, x1, f32x4.neg(x3));
    addNine(pairs + 144 * entryBytes, entryBytes, x0, x1, f32x4.sub(x2, x3));
    addNine(pairs + 160 * entryBytes, entryBytes, x0, x1, f32x4.neg(f32x4.add(x2, x3)));
  }
}

// entries c0 + 4 c1 from `entry` on
@inline
function addNine(entry: usize, entryBytes: usize, x0: v128, x1: v128, second: v128): void {
  const sum = f32x4.add(x0, x1), difference = f32x4.sub(x0, x1);
  v128.store(entry, second);
  v128.store(entry + entryBytes, f32x4.add(second, x0));
  v128.store(entry + 2 * entryBytes, f32x4.sub(second, x0));
  v128.store(entry + 4 * entryBytes, f32x4.add(second, x1));
  v128.store(entry + 5 * entryBytes, f32x4.add(second, sum));
  v128.store(entry + 6 * entryBytes, f32x4.sub(second, difference));
  v128.store(entry + 8 * entryBytes, f32x4.sub(second, x1));
  v128.store(entry + 9 * entryBytes, f32x4.add(second, difference));
  v128.store(entry + 10 * entryBytes, f32x4.sub(second, sum));
}
