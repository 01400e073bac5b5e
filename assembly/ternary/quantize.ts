import { loadLanes, storeLanes } from "../numeric/lanes";
import { uniformLanes } from "../numeric/random";

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
 * q[c][t] = round_half_even(x[t][c] / scales[t]), scales[t] = max_c |x[t][c]| / 127: the input of a projection, or the
 * gradient to its output on the way to the input.
 */
export function quantizeTokens(q: usize, stride: u32, scales: usize, x: usize, xStride: u32, T: u32, width: u32): void {
  const rowBytes: usize = <usize>xStride << 2;
  const zero = f32x4.splat(0);
  for (let t: u32 = 0; t < T; t += 4) {
    const present: i32 = T - t;
    const row = x + <usize>t * rowBytes;
    const at = scales + (<usize>t << 2);
    const r0 = tokenFactor(at, row, width);
    const r1 = present > 1 ? tokenFactor(at + 4, row + rowBytes, width) : zero;
    const r2 = present > 2 ? tokenFactor(at + 8, row + 2 * rowBytes, width) : zero;
    const r3 = present > 3 ? tokenFactor(at + 12, row + 3 * rowBytes, width) : zero;
    for (let c: u32 = 0; c < width; c += 4) {
      const left: i32 = width - c;
      const from = row + (<usize>c << 2);
      storeTransposed(
        q + <usize>c * stride + t, stride, left,
        f32x4.nearest(f32x4.mul(r0, loadLanes(from, left))),
        present > 1 ? f32x4.nearest(f32x4.mul(r1, loadLanes(from + rowBytes, left))) : zero,
        present > 2 ? f32x4.nearest(f32x4.mul(r2, loadLanes(from + 2 * rowBytes, left))) : zero,
        present > 3 ? f32x4.nearest(f32x4.mul(r3, loadLanes(from + 3 * rowBytes, left))) : zero,
      );
    }
  }
  clearColumns(q, stride, T, width);
}

/**
 * q[c][t] = dy[t][c] * tokenScales[t] / scales[c], rounded at random to one of its neighbours so that its mean is
 * exact; scales[c] = max_t |dy[t][c] * tokenScales[t]| / 63. The gradient to a projection's output on the way to its
 * weight, with the scale of the kept input folded in. The random numbers are a function of (key, t, c).
 * factors: scratch, `width` float32.
 */
export function quantizeChannels(
  q: usize, stride: u32, scales: usize, dy: usize, dyStride: u32, tokenScales: usize, T: u32, width: u32, key: u32, factors: usize,
): void {
  const rowBytes: usize = <usize>dyStride << 2;
  memory.fill(scales, 0, <usize>width << 2);
  for (let t: usize = 0; t < T; t++) {
    const token = v128.load32_splat(tokenScales + (t << 2));
    for (let c: u32 = 0; c < width; c += 4) {
      const left: i32 = width - c;
      const at: usize = c << 2;
      const size = f32x4.abs(f32x4.mul(token, loadLanes(dy + t * rowBytes + at, left)));
      storeLanes(scales + at, f32x4.max(loadLanes(scales + at, left), size), left);
    }
  }
  for (let c: u32 = 0; c < width; c += 4) {
    const left: i32 = width - c;
    const at: usize = c << 2;
    const size = loadLanes(scales + at, left);
    const small = f32x4.lt(size, f32x4.splat(SMALLEST));
    storeLanes(scales + at, v128.andnot(f32x4.div(size, f32x4.splat(CHANNEL_MAX)), small), left);
    storeLanes(factors + at, v128.andnot(f32x4.div(f32x4.splat(CHANNEL_MAX), size), small), left);
  }
  const zero = f32x4.splat(0);
  for (let t: u32 = 0; t < T; t += 4) {
    const present: i32 = T - t;
    const token = tokenScales + (<usize>t << 2);
    for (let c: u32 = 0; c < width; c += 4) {
      const left: i32 = width - c;
      const factor = loadLanes(factors + (<usize>c << 2), left);
      const from = dy + <usize>t * rowBytes + (<usize>c << 2);
      const counter = t * width + c;
      storeTransposed(
        q + <usize>c * stride + t, stride, left,
        rounded(from, token, factor, left, key, counter),
        present > 1 ? rounded(from + rowBytes, token + 4, factor, left, key, counter + width) : zero,
        present > 2 ? rounded(from + 2 * rowBytes, token + 8, factor, left, key, counter + 2 * width) : zero,
        present > 3 ? rounded(from + 3 * rowBytes, token + 12, factor, left, key, counter + 3 * width) : zero,
      );
    }
  }
  clearColumns(q, stride, T, width);
}

// the kernels take tokens by eights; a block of four may be left that nobody has written
function clearColumns(q: usize, stride: u32, T: u32, width: u32): void {
  if (((T - 1) & 7) >= 4) return;
  for (let c: usize = 0; c < width; c++) store<u32>(q + c * stride + ((T + 3) & ~3), 0);
}

// floor(value + u) with u uniform in [0, 1): up with the probability of the fraction
@inline
function rounded(dy: usize, token: usize, factor: v128, left: i32, key: u32, counter: u32): v128 {
  const value = f32x4.mul(f32x4.mul(v128.load32_splat(token), loadLanes(dy, left)), factor);
  const whole = f32x4.floor(f32x4.add(value, uniformLanes(key, counter)));
  return f32x4.max(f32x4.min(whole, f32x4.splat(CHANNEL_MAX)), f32x4.splat(-CHANNEL_MAX));
}

// writes a token's scale and gives its reciprocal
function tokenFactor(scale: usize, row: usize, width: u32): v128 {
  let top = f32x4.splat(0);
  for (let c: u32 = 0; c < width; c += 4) top = f32x4.max(top, f32x4.abs(loadLanes(row + (<usize>c << 2), width - c)));
  const size = max<f32>(
    max<f32>(f32x4.extract_lane(top, 0), f32x4.extract_lane(top, 1)),
    max<f32>(f32x4.extract_lane(top, 2), f32x4.extract_lane(top, 3)),
  );
  // NaN compares false and gives NaN: a broken run must be seen
  store<f32>(scale, size < SMALLEST ? 0 : size / TOKEN_MAX);
  return f32x4.splat(size < SMALLEST ? 0 : TOKEN_MAX / size);
}

// four rows of four whole numbers in float32, a row a token, to four bytes of each of `left` channels
@inline
function storeTransposed(to: usize, stride: usize, left: i32, a: v128, b: v128, c: v128, d: v128): void {
  const ab = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(a), i32x4.trunc_sat_f32x4_s(b));
  const cd = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(c), i32x4.trunc_sat_f32x4_s(d));
  const bytes = i8x16.narrow_i16x8_s(ab, cd);
  const columns = v128.shuffle<i8>(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  v128.store_lane<i32>(to, columns, 0);
  if (left > 1) v128.store_lane<i32>(to + stride, columns, 1);
  if (left > 2) v128.store_lane<i32>(to + 2 * stride, columns, 2);
  if (left > 3) v128.store_lane<i32>(to + 3 * stride, columns, 3);
}
