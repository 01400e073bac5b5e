import { loadLanes, storeLanes } from "../numeric/lanes";
import { sigmoid } from "../numeric/sigmoid";

/**
 * The gates of the recurrence, from the stacked projections W_f a | W_v a | W_o a (T x 3 C, a row a token):
 * s = sigmoid(W_f a + bias) replaces the first third, forget = floor + (1 - floor) * s goes to `forget` (T x C),
 * the value stays, sigmoid(W_o a) replaces the last third. `floor` is lb_l of MODEL.md: what a layer keeps at least.
 */
export function gatesForward(forget: usize, gates: usize, bias: usize, floor: f32, T: u32, C: u32): void {
  const width: usize = <usize>C << 2;
  const low = f32x4.splat(floor), high = f32x4.splat(1 - floor);
  for (let t: usize = 0; t < T; t++) {
    const row = gates + t * 3 * width, to = forget + t * width;
    for (let c: u32 = 0; c < C; c += 4) {
      const at: usize = c << 2;
      const left = C - c;
      const s = sigmoid(f32x4.add(loadLanes(row + at, left), loadLanes(bias + at, left)));
      storeLanes(row + at, s, left);
      storeLanes(to + at, f32x4.add(low, f32x4.mul(high, s)), left);
      storeLanes(row + 2 * width + at, sigmoid(loadLanes(row + 2 * width + at, left)), left);
    }
  }
}

/**
 * Turns gradients to forget | value | output gate (T x 3 C) into those to the three projections, in place, and adds
 * the bias's onto dBias. `gates` holds what {@link gatesForward} left.
 */
export function gatesBackward(dGates: usize, dBias: usize, gates: usize, floor: f32, T: u32, C: u32): void {
  const width: usize = <usize>C << 2;
  const one = f32x4.splat(1), high = f32x4.splat(1 - floor);
  for (let t: usize = 0; t < T; t++) {
    const row = gates + t * 3 * width, dRow = dGates + t * 3 * width;
    for (let c: u32 = 0; c < C; c += 4) {
      const at: usize = c << 2;
      const left = C - c;
      const s = loadLanes(row + at, left);
      const slope = f32x4.mul(f32x4.mul(s, f32x4.sub(one, s)), high);
      const df = f32x4.mul(loadLanes(dRow + at, left), slope);
      storeLanes(dRow + at, df, left);
      storeLanes(dBias + at, f32x4.add(loadLanes(dBias + at, left), df), left);
      const o = loadLanes(row + 2 * width + at, left);
      const dOut = f32x4.mul(loadLanes(dRow + 2 * width + at, left), f32x4.mul(o, f32x4.sub(one, o)));
      storeLanes(dRow + 2 * width + at, dOut, left);
    }
  }
}
