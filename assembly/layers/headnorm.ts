import { loadLanes, maskLanes, storeLanes, sumLanes } from "../numeric/lanes";
import { rsqrt } from "../numeric/rsqrt";
import { EPSILON } from "./layernorm";

/**
 * Head norm: each of `heads` groups of `headWidth` channels is brought to mean 0 and variance 1, then scaled and
 * shifted per channel. Statistics run over `span` tokens at a time:
 * span 1 is `headNorm: "token"`, which is causal; span T is `headNorm: "window"`, the release's GroupNorm, through
 * which every token sees the future (MODEL.md). x, y: T x C. mean, rstd: one a span and head.
 */
export function headNormForward(
  y: usize, mean: usize, rstd: usize, x: usize, weight: usize, bias: usize,
  T: u32, heads: u32, headWidth: u32, span: u32,
): void {
  const stride: usize = <usize>(heads * headWidth) << 2;
  const count: f64 = <f64>span * <f64>headWidth;
  let statistic: usize = 0;
  for (let t: usize = 0; t < T; t += span) {
    for (let head: u32 = 0; head < heads; head++) {
      const column: usize = <usize>(head * headWidth) << 2;
      const first = x + t * stride + column;
      // row sums in float32, their total in float64: a window adds up thousands of them
      let sum: f64 = 0;
      for (let i: usize = 0; i < span; i++) sum += <f64>rowSum(first + i * stride, headWidth);
      const m = <f32>(sum / count);
      let squares: f64 = 0;
      for (let i: usize = 0; i < span; i++) squares += <f64>rowSquares(first + i * stride, m, headWidth);
      const r = rsqrt(<f32>(squares / count) + EPSILON);
      for (let i: usize = 0; i < span; i++) {
        const row = first + i * stride, out = y + (t + i) * stride + column;
        for (let c: u32 = 0; c < headWidth; c += 4) {
          const at: usize = c << 2;
          const left = headWidth - c;
          const normal = f32x4.mul(f32x4.sub(loadLanes(row + at, left), f32x4.splat(m)), f32x4.splat(r));
          const w = loadLanes(weight + column + at, left), b = loadLanes(bias + column + at, left);
          storeLanes(out + at, f32x4.add(f32x4.mul(normal, w), b), left);
        }
      }
      store<f32>(mean + statistic, m);
      store<f32>(rstd + statistic, r);
      statistic += 4;
    }
  }
}

/**
 * Writes the gradient to x into dx and adds those to weight and bias onto dWeight and dBias: the formula of
 * layerNormBackward, its means over a head of `span` tokens.
 */
export function headNormBackward(
  dx: usize, dWeight: usize, dBias: usize,
  dy: usize, x: usize, mean: usize, rstd: usize, weight: usize,
  T: u32, heads: u32, headWidth: u32, span: u32,
): void {
  const stride: usize = <usize>(heads * headWidth) << 2;
  const count: f64 = <f64>span * <f64>headWidth;
  let statistic: usize = 0;
  for (let t: usize = 0; t < T; t += span) {
    for (let head: u32 = 0; head < heads; head++) {
      const column: usize = <usize>(head * headWidth) << 2;
      const offset = t * stride + column;
      const center = v128.load32_splat(mean + statistic), scale = v128.load32_splat(rstd + statistic);
      statistic += 4;
      const w = weight + column, dW = dWeight + column, dB = dBias + column;
      let sumG: f64 = 0, sumGN: f64 = 0;
      for (let i: usize = 0; i < span; i++) {
        const row = x + offset + i * stride, dRow = dy + offset + i * stride;
        let g = f32x4.splat(0), gn = f32x4.splat(0);
        for (let c: u32 = 0; c < headWidth; c += 4) {
          const at: usize = c << 2;
          const left = headWidth - c;
          const d = loadLanes(dRow + at, left), wc = loadLanes(w + at, left);
          const dn = f32x4.mul(d, f32x4.mul(f32x4.sub(loadLanes(row + at, left), center), scale));
          g = f32x4.add(g, f32x4.mul(d, wc));
          gn = f32x4.add(gn, f32x4.mul(dn, wc));
          storeLanes(dW + at, f32x4.add(loadLanes(dW + at, left), dn), left);
          storeLanes(dB + at, f32x4.add(loadLanes(dB + at, left), d), left);
        }
        sumG += <f64>sumLanes(g);
        sumGN += <f64>sumLanes(gn);
      }
      const meanG = f32x4.splat(<f32>(sumG / count)), meanGN = f32x4.splat(<f32>(sumGN / count));
      for (let i: usize = 0; i < span; i++) {
        const row = x + offset + i * stride, dRow = dy + offset + i * stride, out = dx + offset + i * stride;
        for (let c: u32 = 0; c < headWidth; c += 4) {
          const at: usize = c << 2;
          const left = headWidth - c;
          const n = f32x4.mul(f32x4.sub(loadLanes(row + at, left), center), scale);
          const g = f32x4.mul(loadLanes(dRow + at, left), loadLanes(w + at, left));
          storeLanes(out + at, f32x4.mul(scale, f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(n, meanGN))), left);
        }
      }
    }
  }
}

function rowSum(row: usize, count: u32): f32 {
  let sum = f32x4.splat(0);
  for (let c: u32 = 0; c < count; c += 4) sum = f32x4.add(sum, loadLanes(row + (c << 2), count - c));
  return sumLanes(sum);
}

function rowSquares(row: usize, mean: f32, count: u32): f32 {
  let sum = f32x4.splat(0);
  for (let c: u32 = 0; c < count; c += 4) {
    const d = maskLanes(f32x4.sub(loadLanes(row + (c << 2), count - c), f32x4.splat(mean)), count - c);
    sum = f32x4.add(sum, f32x4.mul(d, d));
  }
  return sumLanes(sum);
}
