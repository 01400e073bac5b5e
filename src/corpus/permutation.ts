const ROUNDS = 8;

/** A 32-bit hash of two 32-bit integers, the same on every host: integer arithmetic only. */
export function hash32(value: number, key: number): number {
  // The constant keeps zero, a fixed point of the mixing, away from the usual inputs.
  return mix(mix(value + 0x9e3779b9) ^ key) >>> 0;
}

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

/** The finaliser of MurmurHash3: a bijection of 32 bits in which every bit of the input reaches every bit of the output. */
function mix(value: number): number {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
