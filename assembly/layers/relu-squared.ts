import { loadLanes, storeLanes } from "../numeric/lanes";

/** y = relu(x)^2, `count` float32. */
export function reluSquaredForward(y: usize, x: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const at: usize = <usize>i << 2;
    const r = f32x4.max(loadLanes(x + at, count - i), f32x4.splat(0));
    storeLanes(y + at, f32x4.mul(r, r), count - i);
  }
}

/** dx = dy * 2 relu(x); dx may be dy. */
export function reluSquaredBackward(dx: usize, dy: usize, x: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const at: usize = <usize>i << 2;
    const r = f32x4.max(loadLanes(x + at, count - i), f32x4.splat(0));
    storeLanes(dx + at, f32x4.mul(loadLanes(dy + at, count - i), f32x4.add(r, r)), count - i);
  }
}
