import { add, at, put } from "./at";
import { naiveSigmoid } from "./exp";

/** gates (T x 3 C): W_f a -> s = sigmoid(W_f a + bias), W_v a stays, W_o a -> sigmoid; forget = floor + (1 - floor) s. */
export function naiveGatesForward(forget: usize, gates: usize, bias: usize, floor: f64, T: u32, C: u32): void {
  for (let t: usize = 0; t < T; t++) {
    for (let c: usize = 0; c < C; c++) {
      const i = t * 3 * C + c;
      const s = naiveSigmoid(at(gates, i) + at(bias, c));
      put(gates, i, s);
      put(forget, t * C + c, floor + (1 - floor) * s);
      put(gates, i + 2 * C, naiveSigmoid(at(gates, i + 2 * C)));
    }
  }
}

/** sigmoid' = s (1 - s): gradients to forget | value | output gate become those to the projections; dBias is added to. */
export function naiveGatesBackward(dGates: usize, dBias: usize, gates: usize, floor: f64, T: u32, C: u32): void {
  for (let t: usize = 0; t < T; t++) {
    for (let c: usize = 0; c < C; c++) {
      const i = t * 3 * C + c, j = i + 2 * C;
      const df = at(dGates, i) * (1 - floor) * at(gates, i) * (1 - at(gates, i));
      put(dGates, i, df);
      add(dBias, c, df);
      put(dGates, j, at(dGates, j) * at(gates, j) * (1 - at(gates, j)));
    }
  }
}
