import { loadLanes, storeLanes } from "../numeric/lanes";
import { sigmoid } from "../numeric/sigmoid";

/**
 * Token shift: out_t = m * y_t + (1 - m) * y_{t-1}, m = sigmoid(mix) per channel.
 * y: T x width. y_{t-1} lies at `before` + t * `step` bytes: for a sequence one row ahead of y_t, for a batch of streams
 * in the state of each. `m`: scratch, width.
 */
export function shiftForward(
  out: usize, y: usize, before: usize, mix: usize, m: usize, step: usize, T: u32, width: u32,
): void {
  const stride: usize = <usize>width << 2;
  mixOf(m, mix, width);
  for (let t: usize = 0; t < T; t++) {
    const row = y + t * stride, rowBefore = before + t * step, to = out + t * stride;
    for (let c: u32 = 0; c < width; c += 4) {
      const at: usize = c << 2;
      const left = width - c;
      const share = loadLanes(m + at, left);
      const rest = f32x4.sub(f32x4.splat(1), share);
      const now = f32x4.mul(share, loadLanes(row + at, left));
      storeLanes(to + at, f32x4.add(now, f32x4.mul(rest, loadLanes(rowBefore + at, left))), left);
    }
  }
}

/**
 * Writes dy_t = m * dout_t + (1 - m) * dout_{t+1} and adds sum_t dout_t (y_t - y_{t-1}) m (1 - m) onto dMix.
 * dy, dout: T x width; y_{t-1} one row ahead of y_t in memory.
 */
export function shiftBackward(
  dy: usize, dMix: usize, dout: usize, y: usize, mix: usize, m: usize, T: u32, width: u32,
): void {
  const stride: usize = <usize>width << 2;
  mixOf(m, mix, width);
  for (let t: usize = 0; t < T; t++) {
    const row = y + t * stride, from = dout + t * stride, to = dy + t * stride;
    for (let c: u32 = 0; c < width; c += 4) {
      const at: usize = c << 2;
      const left = width - c;
      const share = loadLanes(m + at, left);
      const rest = f32x4.sub(f32x4.splat(1), share);
      const d = loadLanes(from + at, left);
      const after = t + 1 < T ? loadLanes(from + at + stride, left) : f32x4.splat(0);
      storeLanes(to + at, f32x4.add(f32x4.mul(share, d), f32x4.mul(rest, after)), left);
      const step = f32x4.sub(loadLanes(row + at, left), loadLanes(row + at - stride, left));
      const dm = f32x4.mul(f32x4.mul(d, step), f32x4.mul(share, rest));
      storeLanes(dMix + at, f32x4.add(loadLanes(dMix + at, left), dm), left);
    }
  }
}

function mixOf(m: usize, mix: usize, width: u32): void {
  for (let c: u32 = 0; c < width; c += 4) {
    const at: usize = c << 2;
    storeLanes(m + at, sigmoid(loadLanes(mix + at, width - c)), width - c);
  }
}
