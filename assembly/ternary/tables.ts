/**
 * The table of one group of four inputs: all 81 sums c0 x0 + c1 x1 + c2 x2 + c3 x3 with c in {0, +1, -1}, tokens in
 * lanes. The packed byte of four codes is the index, so three of four values of each digit are used.
 *
 * T is f32 for float32 inputs (4, 8 or 16 tokens), i16 for int8 ones (8, 16 or 32 tokens), whose sums are at most
 * 4 * 127. `bytes` is that of an entry, 16 (narrow), 32 (middle) or 64 (wide); callers pass a constant and get code of their own.
 */

/** Bytes of a table of wide entries, up to code 2 (-1) in all four places; narrow ones lie equally far apart. */
export const TABLE_BYTES = 171 * 64;

/**
 * Fills the table at `table` from four rows of inputs, `stride` bytes apart.
 * The sum is (c0 x0 + c1 x1) + (c2 x2 + c3 x3): nine sums of the first pair are kept in registers and added to each
 * of the nine of the second.
 */
@inline
export function buildTable<T>(table: usize, inputs: usize, stride: usize, bytes: usize): void {
  for (let column: usize = 0; column < bytes; column += 16) {
    const x = inputs + (isFloat<T>() ? column : column >> 1);
    const x0 = inputLanes<T>(x), x1 = inputLanes<T>(x + stride);
    const x2 = inputLanes<T>(x + 2 * stride), x3 = inputLanes<T>(x + 3 * stride);
    const entries = table + column;
    // the nine sums of the second pair, at indices c2 * 16 + c3 * 64
    addNine<T>(entries, bytes, x0, x1, v128.splat<T>(0));
    addNine<T>(entries + 16 * bytes, bytes, x0, x1, x2);
    addNine<T>(entries + 32 * bytes, bytes, x0, x1, v128.neg<T>(x2));
    addNine<T>(entries + 64 * bytes, bytes, x0, x1, x3);
    addNine<T>(entries + 80 * bytes, bytes, x0, x1, v128.add<T>(x2, x3));
    addNine<T>(entries + 96 * bytes, bytes, x0, x1, v128.sub<T>(x3, x2));
    addNine<T>(entries + 128 * bytes, bytes, x0, x1, v128.neg<T>(x3));
    addNine<T>(entries + 144 * bytes, bytes, x0, x1, v128.sub<T>(x2, x3));
    addNine<T>(entries + 160 * bytes, bytes, x0, x1, v128.neg<T>(v128.add<T>(x2, x3)));
  }
}

@inline
function inputLanes<T>(x: usize): v128 {
  return isFloat<T>() ? v128.load(x) : v128.load8x8_s(x);
}

// entries c0 + 4 c1 from `entry` on
@inline
function addNine<T>(entry: usize, bytes: usize, x0: v128, x1: v128, second: v128): void {
  const sum = v128.add<T>(x0, x1), difference = v128.sub<T>(x0, x1);
  v128.store(entry, second);
  v128.store(entry + bytes, v128.add<T>(second, x0));
  v128.store(entry + 2 * bytes, v128.sub<T>(second, x0));
  v128.store(entry + 4 * bytes, v128.add<T>(second, x1));
  v128.store(entry + 5 * bytes, v128.add<T>(second, sum));
  v128.store(entry + 6 * bytes, v128.sub<T>(second, difference));
  v128.store(entry + 8 * bytes, v128.sub<T>(second, x1));
  v128.store(entry + 9 * bytes, v128.add<T>(second, difference));
  v128.store(entry + 10 * bytes, v128.sub<T>(second, sum));
}

/**
 * sums[n] += table0[b0] + table1[b1] + table2[b2] + table3[b3] for the four bytes of each of `outputs` rows of a panel
 * of codes. sums: a row of `bytes` an output; tables: four, TABLE_BYTES apart.
 */
@inline
export function addPanel<T>(sums: usize, codes: usize, tables: usize, outputs: u32, bytes: usize): void {
  const table1 = tables + TABLE_BYTES, table2 = tables + 2 * TABLE_BYTES, table3 = tables + 3 * TABLE_BYTES;
  const mask: u32 = <u32>bytes * 255;
  const shift: u32 = bytes == 64 ? 6 : bytes == 32 ? 5 : 4;
  const end = sums + <usize>outputs * bytes;
  for (let row = sums; row < end; row += bytes) {
    const packed = load<u32>(codes);
    codes += 4;
    // index times bytes, the shift taken together with the one that brings the byte down
    const a = tables + ((packed << shift) & mask);
    const b = table1 + ((packed >>> (8 - shift)) & mask);
    const c = table2 + ((packed >>> (16 - shift)) & mask);
    const d = table3 + ((packed >>> (24 - shift)) & mask);
    if (ASC_FEATURE_RELAXED_SIMD && bytes == 64) {
      // stored side by side, so that V8's revectoriser can join them to 256 bits: a third faster with it, and 4 % slower
      // without; Node 20, which has neither, would spill and lose a quarter (bench/README.md)
      const s0 = nextSum<T>(row, a, b, c, d, 0), s1 = nextSum<T>(row, a, b, c, d, 16);
      const s2 = nextSum<T>(row, a, b, c, d, 32), s3 = nextSum<T>(row, a, b, c, d, 48);
      v128.store(row, s0), v128.store(row, s1, 16), v128.store(row, s2, 32), v128.store(row, s3, 48);
      continue;
    }
    v128.store(row, nextSum<T>(row, a, b, c, d, 0));
    if (bytes >= 32) v128.store(row, nextSum<T>(row, a, b, c, d, 16), 16);
    if (bytes == 64) {
      v128.store(row, nextSum<T>(row, a, b, c, d, 32), 32);
      v128.store(row, nextSum<T>(row, a, b, c, d, 48), 48);
    }
  }
}

@inline
function nextSum<T>(row: usize, a: usize, b: usize, c: usize, d: usize, offset: usize): v128 {
  return v128.add<T>(
    v128.load(row + offset),
    v128.add<T>(
      v128.add<T>(v128.load(a + offset), v128.load(b + offset)), v128.add<T>(v128.load(c + offset), v128.load(d + offset)),
    ),
  );
}
