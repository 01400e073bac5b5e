import { loadLanes, storeLanes } from "../numeric/lanes";

/**
 * The gated recurrence h_t = f_t * h_{t-1} + (1 - f_t) * v_t and the gated output o_t * h_t.
 *
 * hidden, forget, gated: T x C; value and output gate are the second and last third of `gates` (T x 3 C).
 * h_{t-1} lies at `before` + t * `step` bytes: for a sequence one row ahead of h_t, for a batch of streams in the state
 * of each. A scan in order of time: products of gates, as a parallel scan would need, run into denormals.
 */
export function recurrenceForward(
  hidden: usize, gated: usize, forget: usize, gates: usize, before: usize, step: usize, T: u32, C: u32,
): void {
  const width: usize = <usize>C << 2;
  for (let t: usize = 0; t < T; t++) {
    const row = t * width, rowBefore = before + t * step;
    for (let c: u32 = 0; c < C; c += 4) {
      const at = row + (c << 2);
      const left = C - c;
      const gate = gates + 3 * row + (c << 2);
      const f = loadLanes(forget + at, left);
      const rest = f32x4.sub(f32x4.splat(1), f);
      const kept = f32x4.mul(f, loadLanes(rowBefore + (c << 2), left));
      const h = f32x4.add(kept, f32x4.mul(rest, loadLanes(gate + width, left)));
      storeLanes(hidden + at, h, left);
      storeLanes(gated + at, f32x4.mul(loadLanes(gate + 2 * width, left), h), left);
    }
  }
}

/**
 * From the gradient to the gated output (T x C), writes those to forget | value | output gate into dGates (T x 3 C).
 * h_{t-1} lies one row ahead of h_t in memory. `carry` (C, scratch) takes the gradient to h back through time; it starts as 0 at the end of the sequence.
 */
export function recurrenceBackward(
  dGates: usize, dGated: usize, hidden: usize, forget: usize, gates: usize, carry: usize, T: u32, C: u32,
): void {
  const width: usize = <usize>C << 2;
  memory.fill(carry, 0, width);
  for (let t: usize = T; t-- > 0; ) {
    const row = t * width;
    for (let c: u32 = 0; c < C; c += 4) {
      const column: usize = c << 2;
      const at = row + column;
      const left = C - c;
      const gate = gates + 3 * row + column, dGate = dGates + 3 * row + column;
      const f = loadLanes(forget + at, left), v = loadLanes(gate + width, left), o = loadLanes(gate + 2 * width, left);
      const h = loadLanes(hidden + at, left), before = loadLanes(hidden + at - width, left);
      const d = loadLanes(dGated + at, left);
      const dh = f32x4.add(f32x4.mul(d, o), loadLanes(carry + column, left));
      storeLanes(dGate, f32x4.mul(dh, f32x4.sub(before, v)), left);
      storeLanes(dGate + width, f32x4.mul(dh, f32x4.sub(f32x4.splat(1), f)), left);
      storeLanes(dGate + 2 * width, f32x4.mul(d, h), left);
      storeLanes(carry + column, f32x4.mul(dh, f), left);
    }
  }
}
