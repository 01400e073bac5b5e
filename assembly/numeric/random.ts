import { log } from "./log";

/**
 * Counter-based random numbers: a number is a function of (seed, stream, counter), so it does not depend on who
 * draws it, or when. The mixing is that of SplitMix64 (Steele, Lea, Flood 2014), once for each coordinate.
 */
@inline
export function randomBits(seed: u64, stream: u64, counter: u64): u64 {
  return mix(mix(mix(seed + 0x9e3779b97f4a7c15) + stream * 0xd1342543de82ef95) + counter * 0x9e3779b97f4a7c15);
}

/** Uniform in [0, 1), 53 bits. */
export function randomUniform(seed: u64, stream: u64, counter: u64): f64 {
  return <f64>(randomBits(seed, stream, counter) >> 11) * 1.1102230246251565e-16;
}

/** A 32-bit hash of two numbers: a key for {@link uniformLanes} from a key and what it is for. */
export function hashKey(value: u32, key: u32): u32 {
  let h = (value + 0x9e3779b9) ^ key;
  h = (h ^ (h >>> 16)) * MIX_1;
  h = (h ^ (h >>> 13)) * MIX_2;
  return h ^ (h >>> 16);
}

/** The multipliers of {@link hashKey} and {@link uniformLanes}. */
export const MIX_1: u32 = 0x85ebca6b;
export const MIX_2: u32 = 0xc2b2ae35;
/** 2^-24: the step of {@link uniformLanes}. */
export const UNIT_24: f32 = 5.9604644775390625e-8;

/**
 * Four uniform float32 in [0, 1), 24 bits each, for a key and four counters: the finaliser of MurmurHash3 over both.
 * Cheap, for rounding at random. mix1, mix2, unit: MIX_1, MIX_2 and UNIT_24 in all lanes, from outside the loop.
 */
@inline
export function uniformLanes(keys: v128, counters: v128, mix1: v128, mix2: v128, unit: v128): v128 {
  let h = v128.xor(counters, keys);
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), mix1);
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 13)), mix2);
  h = v128.xor(h, i32x4.shr_u(h, 16));
  // 24 bits have no sign, and a signed conversion is one instruction on x86, an unsigned one eight
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(h, 8)), unit);
}

/** Fills `count` float32 at `out` with normal numbers of mean 0; element i is a function of (seed, stream, i). */
export function randomNormal(out: usize, count: u32, variance: f64, seed: u32, stream: u32): void {
  const std = sqrt<f64>(variance);
  for (let i: u32 = 0; i < count; i++) {
    store<f32>(out + (<usize>i << 2), <f32>(std * normalAt(seed, stream, i)));
  }
}

// Marsaglia's polar method: points of the square until one falls into the disc, 16 tries to an element (a miss of
// all has probability 2e-11 and gives 0)
function normalAt(seed: u64, stream: u64, element: u64): f64 {
  for (let attempt: u64 = 0; attempt < 16; attempt++) {
    const bits = randomBits(seed, stream, element * 16 + attempt);
    const u = (<f64>(bits >> 32) + 0.5) * 4.656612873077393e-10 - 1;
    const v = (<f64>(bits & 0xffffffff) + 0.5) * 4.656612873077393e-10 - 1;
    const s = u * u + v * v;
    if (s < 1) return u * sqrt<f64>((-2 * log(s)) / s);
  }
  return 0;
}

@inline
function mix(x: u64): u64 {
  let z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
