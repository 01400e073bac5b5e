import { add, at, put } from "./at";
import { naiveSigmoid } from "./exp";

/** out_t = m y_t + (1 - m) y_{t-1}, m = sigmoid(mix); the row y_{-1} lies before y. */
export function naiveShiftForward(out: usize, y: usize, mix: usize, T: u32, width: u32): void {
  const before = y - (<usize>width << 3);
  for (let t: usize = 0; t < T; t++) {
    for (let c: usize = 0; c < width; c++) {
      const m = naiveSigmoid(at(mix, c));
      put(out, t * width + c, m * at(y, t * width + c) + (1 - m) * at(before, t * width + c));
    }
  }
}

/** dy_t = m dout_t + (1 - m) dout_{t+1}; dMix += sum_t dout_t (y_t - y_{t-1}) m (1 - m). */
export function naiveShiftBackward(dy: usize, dMix: usize, dout: usize, y: usize, mix: usize, T: u32, width: u32): void {
  const before = y - (<usize>width << 3);
  for (let t: usize = 0; t < T; t++) {
    for (let c: usize = 0; c < width; c++) {
      const m = naiveSigmoid(at(mix, c));
      const i = t * width + c;
      put(dy, i, m * at(dout, i) + (t + 1 < T ? (1 - m) * at(dout, i + width) : 0));
      add(dMix, c, at(dout, i) * (at(y, i) - at(before, i)) * m * (1 - m));
    }
  }
}
