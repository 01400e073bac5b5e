import { hash32 } from "../engine/random.ts";

const ROUNDS = 8;

/**
 * Where a pseudo-random permutation of 0..size-1 sends an index, computed without a table.
 *
 * A Feistel network permutes the smallest power of four that holds `size`; results outside 0..size-1 are permuted
 * again until they fall inside (cycle walking), fewer than four times on average.
 *
 * @param index 0..size-1.
 * @param size 1..2^32.
 * @param key 32 bits that choose the permutation.
 */
export function permute(index: number, size: number, key: number): number {
  const halfBits = Math.max(1, (33 - Math.clz32(size - 1)) >> 1);
  const mask = (1 << halfBits) - 1;
  let at = index;
  do {
    let left = at >>> halfBits;
    let right = at & mask;
    for (let round = 0; round < ROUNDS; round++) {
      const next = left ^ (hash32(right, key + round) & mask);
      left = right;
      right = next;
    }
    at = ((left << halfBits) | right) >>> 0;
  } while (at >= size);
  return at;
}
