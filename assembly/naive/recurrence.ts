import { at, put } from "./at";

/** h_t = f_t h_{t-1} + (1 - f_t) v_t; gated = o_t h_t. The row h_{-1} lies before `hidden`. */
export function naiveRecurrenceForward(hidden: usize, gated: usize, forget: usize, gates: usize, T: u32, C: u32): void {
  const before = hidden - (<usize>C << 3);
  for (let t: usize = 0; t < T; t++) {
    for (let c: usize = 0; c < C; c++) {
      const i = t * C + c;
      const f = at(forget, i), v = at(gates, 3 * t * C + C + c), o = at(gates, 3 * t * C + 2 * C + c);
      const h = f * at(before, i) + (1 - f) * v;
      put(hidden, i, h);
      put(gated, i, o * h);
    }
  }
}

/** The gradients to f, v and o, channel by channel, back through time. */
export function naiveRecurrenceBackward(
  dGates: usize, dGated: usize, hidden: usize, forget: usize, gates: usize, T: u32, C: u32,
): void {
  const before = hidden - (<usize>C << 3);
  for (let c: usize = 0; c < C; c++) {
    let carry: f64 = 0;
    for (let t: usize = T; t-- > 0; ) {
      const i = t * C + c, j = 3 * t * C + c;
      const f = at(forget, i), v = at(gates, j + C), o = at(gates, j + 2 * C);
      const dh = at(dGated, i) * o + carry;
      put(dGates, j, dh * (at(before, i) - v));
      put(dGates, j + C, dh * (1 - f));
      put(dGates, j + 2 * C, at(dGated, i) * at(hidden, i));
      carry = dh * f;
    }
  }
}
