import { add, at, put } from "./at";

/** Head norm over groups of `headWidth` channels and `span` tokens; biased variance, epsilon 1e-5. */
export function naiveHeadNormForward(
  y: usize, mean: usize, rstd: usize, x: usize, weight: usize, bias: usize,
  T: u32, heads: u32, headWidth: u32, span: u32,
): void {
  const width: usize = heads * headWidth;
  const count = <f64>span * <f64>headWidth;
  for (let first: usize = 0; first < T; first += span) {
    for (let head: usize = 0; head < heads; head++) {
      let sum: f64 = 0;
      for (let t = first; t < first + span; t++) {
        for (let c = head * headWidth; c < (head + 1) * headWidth; c++) sum += at(x, t * width + c);
      }
      const m = sum / count;
      let squares: f64 = 0;
      for (let t = first; t < first + span; t++) {
        for (let c = head * headWidth; c < (head + 1) * headWidth; c++) squares += (at(x, t * width + c) - m) * (at(x, t * width + c) - m);
      }
      const r = 1 / sqrt<f64>(squares / count + 1e-5);
      for (let t = first; t < first + span; t++) {
        for (let c = head * headWidth; c < (head + 1) * headWidth; c++) put(y, t * width + c, (at(x, t * width + c) - m) * r * at(weight, c) + at(bias, c));
      }
      put(mean, (first / span) * heads + head, m);
      put(rstd, (first / span) * heads + head, r);
    }
  }
}

/** dx = rstd * (g - mean(g) - n * mean(g n)), n = (x - mean) * rstd, g = dy * weight; dWeight and dBias are added to. */
export function naiveHeadNormBackward(
  dx: usize, dWeight: usize, dBias: usize, dy: usize, x: usize, mean: usize, rstd: usize, weight: usize,
  T: u32, heads: u32, headWidth: u32, span: u32,
): void {
  const width: usize = heads * headWidth;
  const count = <f64>span * <f64>headWidth;
  for (let first: usize = 0; first < T; first += span) {
    for (let head: usize = 0; head < heads; head++) {
      const m = at(mean, (first / span) * heads + head), r = at(rstd, (first / span) * heads + head);
      let sumG: f64 = 0, sumGN: f64 = 0;
      for (let t = first; t < first + span; t++) {
        for (let c = head * headWidth; c < (head + 1) * headWidth; c++) {
          const n = (at(x, t * width + c) - m) * r, d = at(dy, t * width + c);
          sumG += d * at(weight, c);
          sumGN += d * at(weight, c) * n;
          add(dWeight, c, d * n);
          add(dBias, c, d);
        }
      }
      for (let t = first; t < first + span; t++) {
        for (let c = head * headWidth; c < (head + 1) * headWidth; c++) {
          const n = (at(x, t * width + c) - m) * r, g = at(dy, t * width + c) * at(weight, c);
          put(dx, t * width + c, r * (g - sumG / count - (n * sumGN) / count));
        }
      }
    }
  }
}
