import { loadLanes, maskLanes, storeLanes, sumLanes } from "../numeric/lanes";
import { rsqrt } from "../numeric/rsqrt";

/** Added to every variance (MODEL.md). */
export const EPSILON: f32 = 1e-5;

/**
 * y = (x - mean) * rstd * weight + bias over the `width` channels of each token; biased variance.
 * x, y: T x width. mean, rstd: T, kept for the backward pass.
 */
export function layerNormForward(
  y: usize, mean: usize, rstd: usize, x: usize, weight: usize, bias: usize, T: u32, width: u32,
): void {
  const stride: usize = <usize>width << 2;
  for (let t: usize = 0; t < T; t++) {
    const row = x + t * stride, out = y + t * stride;
    let sum = f32x4.splat(0);
    for (let c: u32 = 0; c < width; c += 4) sum = f32x4.add(sum, loadLanes(row + (c << 2), width - c));
    const m = sumLanes(sum) / <f32>width;
    const center = f32x4.splat(m);
    let squares = f32x4.splat(0);
    for (let c: u32 = 0; c < width; c += 4) {
      const d = maskLanes(f32x4.sub(loadLanes(row + (c << 2), width - c), center), width - c);
      squares = f32x4.add(squares, f32x4.mul(d, d));
    }
    const r = rsqrt(sumLanes(squares) / <f32>width + EPSILON);
    const scale = f32x4.splat(r);
    for (let c: u32 = 0; c < width; c += 4) {
      const at: usize = c << 2;
      const left = width - c;
      const normal = f32x4.mul(f32x4.sub(loadLanes(row + at, left), center), scale);
      storeLanes(out + at, f32x4.add(f32x4.mul(normal, loadLanes(weight + at, left)), loadLanes(bias + at, left)), left);
    }
    store<f32>(mean + (t << 2), m);
    store<f32>(rstd + (t << 2), r);
  }
}

/**
 * Adds the gradient to x onto dx, and those to weight and bias onto dWeight and dBias.
 * With n = (x - mean) * rstd and g = dy * weight: dx = rstd * (g - mean(g) - n * mean(g n)).
 */
export function layerNormBackward(
  dx: usize, dWeight: usize, dBias: usize,
  dy: usize, x: usize, mean: usize, rstd: usize, weight: usize, T: u32, width: u32,
): void {
  const stride: usize = <usize>width << 2;
  for (let t: usize = 0; t < T; t++) {
    const row = x + t * stride, dRow = dy + t * stride, out = dx + t * stride;
    const center = v128.load32_splat(mean + (t << 2));
    const scale = v128.load32_splat(rstd + (t << 2));
    let sumG = f32x4.splat(0), sumGN = f32x4.splat(0);
    for (let c: u32 = 0; c < width; c += 4) {
      const at: usize = c << 2;
      const left = width - c;
      const d = loadLanes(dRow + at, left);
      const n = f32x4.mul(f32x4.sub(loadLanes(row + at, left), center), scale);
      const dn = f32x4.mul(d, n);
      const w = loadLanes(weight + at, left);
      sumG = f32x4.add(sumG, f32x4.mul(d, w));
      sumGN = f32x4.add(sumGN, f32x4.mul(dn, w));
      storeLanes(dWeight + at, f32x4.add(loadLanes(dWeight + at, left), dn), left);
      storeLanes(dBias + at, f32x4.add(loadLanes(dBias + at, left), d), left);
    }
    const meanG = f32x4.splat(sumLanes(sumG) / <f32>width);
    const meanGN = f32x4.splat(sumLanes(sumGN) / <f32>width);
    for (let c: u32 = 0; c < width; c += 4) {
      const at: usize = c << 2;
      const left = width - c;
      const n = f32x4.mul(f32x4.sub(loadLanes(row + at, left), center), scale);
      const g = f32x4.mul(loadLanes(dRow + at, left), loadLanes(weight + at, left));
      const d = f32x4.mul(scale, f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(n, meanGN)));
      storeLanes(out + at, f32x4.add(loadLanes(out + at, left), d), left);
    }
  }
}
