import { loadLanes, storeLanes } from "../numeric/lanes";

/** y = a + b, `count` float32; y may be a or b. */
export function residualForward(y: usize, a: usize, b: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const at: usize = <usize>i << 2;
    storeLanes(y + at, f32x4.add(loadLanes(a + at, count - i), loadLanes(b + at, count - i)), count - i);
  }
}
