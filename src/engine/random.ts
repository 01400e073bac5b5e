/** A 32-bit hash of two 32-bit integers, the same on every host: integer arithmetic only. */
export function hash32(value: number, key: number): number {
  // The constant keeps zero, a fixed point of the mixing, away from the usual inputs.
  return mix(mix(value + 0x9e3779b9) ^ key) >>> 0;
}

/** A 32-bit hash of 32-bit integers in their order, the same on every host. */
export function hashWords(words: ArrayLike<number>, key: number): number {
  let hash = key;
  for (let i = 0; i < words.length; i++) hash = hash32(words[i], hash);
  return hash;
}

/** Uniform numbers in [0, 1) with 32 bits, a function of the seed and of how many were drawn before. */
export class RandomSequence {
  readonly #key: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#key = hash32(seed, 0x5eed);
  }

  /** The next number. */
  next(): number {
    return hash32(this.#drawn++, this.#key) / 2 ** 32;
  }
}

/** The finaliser of MurmurHash3: a bijection of 32 bits in which every bit of the input reaches every bit of the output. */
function mix(value: number): number {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
