import { loadLanes, maskLanes, splatLoaded, storeLanes } from "../numeric/lanes";
import { MIX_1, MIX_2, uniformLanes, UNIT_24 } from "../numeric/random";
import { interleaveHigh, interleaveLow, joinHigh, joinLow } from "../numeric/transpose";

/**
 * Activations and gradients as small whole numbers, once, before the kernels add them. Both forms turn T rows of
 * `width` float32, `xStride` floats apart, into [width][stride] int8: a row a channel, tokens side by side. `stride` is
 * a multiple of 32, at least T; columns from T to the next multiple of 8 become 0.
 */

/** The largest size of a quantised activation, or of a gradient on its way to an input. */
export const TOKEN_MAX: f32 = 127;
/** That of a gradient on its way to a weight: 7 bits, so that a relaxed dot product can take it shifted by 64. */
export const CHANNEL_MAX: f32 = 63;

/** What is smaller all over counts as 0: neither a scale nor its reciprocal may leave the normal numbers. */
const SMALLEST: f32 = 1e-30;

/**
 * 1.5 * 2^23, about which float32 are the whole numbers: adding it rounds half to even and leaves the result in the
 * lowest bits. On x86 that is one instruction, a conversion that saturates is six. (Of NaN the lowest bits are 0 unless
 * it came with others; its scale is NaN.)
 */
const WHOLE: f32 = 12582912;

/**
 * q[c][t] = round_half_even(x[t][c] / scales[t]), scales[t] = max_c |x[t][c]| / 127: the input of a projection, or the
 * gradient to its output on the way to the input.
 */
export function quantizeTokens(q: usize, stride: u32, scales: usize, x: usize, xStride: u32, T: u32, width: u32): void {
  const rowBytes: usize = <usize>xStride << 2;
  const wholeBytes: usize = <usize>(width & ~3) << 2, left: i32 = width & 3;
  for (let t: u32 = 0; t < T; t += 4) {
    // four tokens, b, c and d bytes from the first; one past the end is the first again, times 0
    const present: i32 = T - t;
    const row = x + <usize>t * rowBytes;
    const b = present > 1 ? rowBytes : 0, c = present > 2 ? 2 * rowBytes : 0, d = present > 3 ? 3 * rowBytes : 0;
    const scale = scales + (<usize>t << 2);
    const round = splatLoaded(WHOLE, scale); // the place of the scale is free yet
    const size = tokenSizes(row, b, c, d, wholeBytes, left);
    storeLanes(scale, scaleFor(size, TOKEN_MAX), present);
    const factors = maskLanes(factorFor(size, TOKEN_MAX), present);
    const fa = v128.shuffle<f32>(factors, factors, 0, 0, 0, 0), fb = v128.shuffle<f32>(factors, factors, 1, 1, 1, 1);
    const fc = v128.shuffle<f32>(factors, factors, 2, 2, 2, 2), fd = v128.shuffle<f32>(factors, factors, 3, 3, 3, 3);
    let from = row, to = q + t;
    for (const end = row + wholeBytes; from < end; from += 16) {
      storeChannels(to, stride, 4, toBytes(
        nearest(fa, from, 4, round), nearest(fb, from + b, 4, round),
        nearest(fc, from + c, 4, round), nearest(fd, from + d, 4, round),
      ));
      to += <usize>stride << 2;
    }
    if (left) {
      storeChannels(to, stride, left, toBytes(
        nearest(fa, from, left, round), nearest(fb, from + b, left, round),
        nearest(fc, from + c, left, round), nearest(fd, from + d, left, round),
      ));
    }
  }
  clearColumns(q, stride, T, width);
}

/**
 * q[c][t] = dy[t][c] * tokenScales[t] / scales[c], rounded at random to one of its neighbours so that its mean is
 * exact; scales[c] = max_t |dy[t][c] * tokenScales[t]| / 63. The gradient to a projection's output on the way to its
 * weight, with the scale of the kept input folded in. The random numbers are a function of (key, t, c).
 */
export function quantizeChannels(
  q: usize, stride: u32, scales: usize, dy: usize, dyStride: u32, tokenScales: usize, T: u32, width: u32, key: u32,
): void {
  // the place of the scales is free yet
  const mix1 = splatLoaded(MIX_1, scales), mix2 = splatLoaded(MIX_2, scales);
  const unit = splatLoaded(UNIT_24, scales), round = splatLoaded(WHOLE, scales);
  const keys = i32x4.splat(key), step = i32x4.splat(width), none = i32x4.splat(0);
  const rowBytes: usize = <usize>dyStride << 2;
  channelSizes(scales, dy, rowBytes, tokenScales, T, width);
  for (let c: u32 = 0; c < width; c += 4) {
    const left: i32 = width - c;
    const size = loadLanes(scales + (<usize>c << 2), left);
    storeLanes(scales + (<usize>c << 2), scaleFor(size, CHANNEL_MAX), left);
    const factor = factorFor(size, CHANNEL_MAX);
    let from = dy + (<usize>c << 2), to = q + <usize>c * stride, token = tokenScales;
    let n = i32x4.add(i32x4.splat(c), i32x4(0, 1, 2, 3)); // t * width + c
    for (const end = to + (T & ~3); to < end; to += 4) {
      const n1 = i32x4.add(n, step), n2 = i32x4.add(n1, step), n3 = i32x4.add(n2, step);
      storeChannels(to, stride, left, clamp(toBytes(
        atRandom(from, token, factor, left, uniformLanes(keys, n, mix1, mix2, unit), round),
        atRandom(from + rowBytes, token + 4, factor, left, uniformLanes(keys, n1, mix1, mix2, unit), round),
        atRandom(from + 2 * rowBytes, token + 8, factor, left, uniformLanes(keys, n2, mix1, mix2, unit), round),
        atRandom(from + 3 * rowBytes, token + 12, factor, left, uniformLanes(keys, n3, mix1, mix2, unit), round),
      )));
      n = i32x4.add(n3, step), from += 4 * rowBytes, token += 16;
    }
    const present = T & 3;
    if (present) {
      const n1 = i32x4.add(n, step), n2 = i32x4.add(n1, step);
      storeChannels(to, stride, left, clamp(toBytes(
        atRandom(from, token, factor, left, uniformLanes(keys, n, mix1, mix2, unit), round),
        present > 1 ? atRandom(from + rowBytes, token + 4, factor, left, uniformLanes(keys, n1, mix1, mix2, unit), round) : none,
        present > 2 ? atRandom(from + 2 * rowBytes, token + 8, factor, left, uniformLanes(keys, n2, mix1, mix2, unit), round) : none,
        none,
      )));
    }
  }
  clearColumns(q, stride, T, width);
}

// the kernels take tokens by eights; a block of four may be left that nobody has written
function clearColumns(q: usize, stride: u32, T: u32, width: u32): void {
  if (((T - 1) & 7) >= 4) return;
  for (let c: usize = 0; c < width; c++) store<u32>(q + c * stride + ((T + 3) & ~3), 0);
}

// the sizes of four tokens, each that of its largest channel
@inline
function tokenSizes(row: usize, b: usize, c: usize, d: usize, wholeBytes: usize, left: i32): v128 {
  let ma = i32x4.splat(0), mb = i32x4.splat(0), mc = i32x4.splat(0), md = i32x4.splat(0);
  let from = row;
  for (const end = row + wholeBytes; from < end; from += 16) {
    ma = larger(ma, v128.load(from)), mb = larger(mb, v128.load(from + b));
    mc = larger(mc, v128.load(from + c)), md = larger(md, v128.load(from + d));
  }
  if (left) {
    ma = larger(ma, loadLanes(from, left)), mb = larger(mb, loadLanes(from + b, left));
    mc = larger(mc, loadLanes(from + c, left)), md = larger(md, loadLanes(from + d, left));
  }
  const ab = i32x4.max_u(interleaveLow(ma, mb), interleaveHigh(ma, mb));
  const cd = i32x4.max_u(interleaveLow(mc, md), interleaveHigh(mc, md));
  return sizeOf(i32x4.max_u(joinLow(ab, cd), joinHigh(ab, cd)));
}

// the sizes of all channels, each that of its largest token; sixteen at a time, so that a cache line is read once
function channelSizes(sizes: usize, dy: usize, rowBytes: usize, tokenScales: usize, T: u32, width: u32): void {
  let c: u32 = 0;
  for (; c + 16 <= width; c += 16) {
    let m0 = i32x4.splat(0), m1 = i32x4.splat(0), m2 = i32x4.splat(0), m3 = i32x4.splat(0);
    let from = dy + (<usize>c << 2);
    for (let t: usize = 0; t < T; t++) {
      const token = v128.load32_splat(tokenScales + (t << 2));
      m0 = larger(m0, f32x4.mul(token, v128.load(from))), m1 = larger(m1, f32x4.mul(token, v128.load(from, 16)));
      m2 = larger(m2, f32x4.mul(token, v128.load(from, 32))), m3 = larger(m3, f32x4.mul(token, v128.load(from, 48)));
      from += rowBytes;
    }
    const to = sizes + (<usize>c << 2);
    v128.store(to, sizeOf(m0)), v128.store(to, sizeOf(m1), 16);
    v128.store(to, sizeOf(m2), 32), v128.store(to, sizeOf(m3), 48);
  }
  for (; c < width; c += 4) {
    const left: i32 = width - c;
    let most = i32x4.splat(0);
    let from = dy + (<usize>c << 2);
    for (let t: usize = 0; t < T; t++) {
      most = larger(most, f32x4.mul(v128.load32_splat(tokenScales + (t << 2)), loadLanes(from, left)));
      from += rowBytes;
    }
    storeLanes(sizes + (<usize>c << 2), sizeOf(most), left);
  }
}

// of sizes kept as the bits of float32 without the sign, times 2. They order as the numbers do, with NaN last, so that
// a broken run is seen; on x86 that is two instructions, and the maximum of floats nine
@inline
function larger(most: v128, x: v128): v128 {
  return i32x4.max_u(most, i32x4.shl(x, 1));
}

@inline
function sizeOf(most: v128): v128 {
  return i32x4.shr_u(most, 1);
}

@inline
function scaleFor(size: v128, steps: f32): v128 {
  return v128.andnot(f32x4.div(size, f32x4.splat(steps)), f32x4.lt(size, f32x4.splat(SMALLEST)));
}

@inline
function factorFor(size: v128, steps: f32): v128 {
  return v128.andnot(f32x4.div(f32x4.splat(steps), size), f32x4.lt(size, f32x4.splat(SMALLEST)));
}

@inline
function nearest(factor: v128, x: usize, left: i32, round: v128): v128 {
  return f32x4.add(f32x4.mul(factor, loadLanes(x, left)), round);
}

// floor(value + u) with u uniform in [0, 1): up with the probability of the fraction
@inline
function atRandom(dy: usize, token: usize, factor: v128, left: i32, u: v128, round: v128): v128 {
  const value = f32x4.mul(f32x4.mul(v128.load32_splat(token), loadLanes(dy, left)), factor);
  return f32x4.add(f32x4.floor(f32x4.add(value, u)), round);
}

// four rows of four sums with WHOLE, to bytes: a0 b0 a1 b1 a2 b2 a3 b3 c0 d0 c1 d1 c2 d2 c3 d3
@inline
function toBytes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = v128.shuffle<i16>(a, i32x4.shl(b, 16), 0, 9, 2, 11, 4, 13, 6, 15);
  const cd = v128.shuffle<i16>(c, i32x4.shl(d, 16), 0, 9, 2, 11, 4, 13, 6, 15);
  return i8x16.narrow_i16x8_s(ab, cd);
}

// the sum of a value and u may have been rounded past the largest by 1
@inline
function clamp(bytes: v128): v128 {
  return i8x16.max_s(i8x16.min_s(bytes, i8x16.splat(<i8>CHANNEL_MAX)), i8x16.splat(-<i8>CHANNEL_MAX));
}

// four tokens of each of `left` channels, a row a channel
@inline
function storeChannels(to: usize, stride: usize, left: i32, bytes: v128): void {
  const columns = v128.shuffle<i16>(bytes, bytes, 0, 4, 1, 5, 2, 6, 3, 7);
  v128.store_lane<i32>(to, columns, 0);
  if (left > 1) v128.store_lane<i32>(to + stride, columns, 1);
  if (left > 2) v128.store_lane<i32>(to + 2 * stride, columns, 2);
  if (left > 3) v128.store_lane<i32>(to + 3 * stride, columns, 3);
}
