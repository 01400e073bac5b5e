import { add, at, put } from "./at";

/** y = (x - mean) / sqrt(variance + 1e-5) * weight + bias over the channels of each token; biased variance. */
export function naiveLayerNormForward(
  y: usize, mean: usize, rstd: usize, x: usize, weight: usize, bias: usize, T: u32, width: u32,
): void {
  for (let t: usize = 0; t < T; t++) {
    let sum: f64 = 0;
    for (let c: usize = 0; c < width; c++) sum += at(x, t * width + c);
    const m = sum / <f64>width;
    let squares: f64 = 0;
    for (let c: usize = 0; c < width; c++) squares += (at(x, t * width + c) - m) * (at(x, t * width + c) - m);
    const r = 1 / sqrt<f64>(squares / <f64>width + 1e-5);
    for (let c: usize = 0; c < width; c++) put(y, t * width + c, (at(x, t * width + c) - m) * r * at(weight, c) + at(bias, c));
    put(mean, t, m);
    put(rstd, t, r);
  }
}

/** dx += rstd * (g - mean(g) - n * mean(g n)), n = (x - mean) * rstd, g = dy * weight; dWeight and dBias are added to. */
export function naiveLayerNormBackward(
  dx: usize, dWeight: usize, dBias: usize, dy: usize, x: usize, mean: usize, rstd: usize, weight: usize, T: u32, width: u32,
): void {
  for (let t: usize = 0; t < T; t++) {
    const m = at(mean, t), r = at(rstd, t);
    let sumG: f64 = 0, sumGN: f64 = 0;
    for (let c: usize = 0; c < width; c++) {
      const n = (at(x, t * width + c) - m) * r, d = at(dy, t * width + c);
      sumG += d * at(weight, c);
      sumGN += d * at(weight, c) * n;
      add(dWeight, c, d * n);
      add(dBias, c, d);
    }
    for (let c: usize = 0; c < width; c++) {
      const n = (at(x, t * width + c) - m) * r, g = at(dy, t * width + c) * at(weight, c);
      add(dx, t * width + c, r * (g - sumG / <f64>width - (n * sumGN) / <f64>width));
    }
  }
}
