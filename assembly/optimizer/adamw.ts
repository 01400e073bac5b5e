import { loadLanes, storeLanes } from "../numeric/lanes";

/** Moments smaller than this become 0, lest they decay into denormals; an update is that of a moment of 0 either way. */
const SMALLEST: f32 = 1e-30;

/**
 * One AdamW step (Loshchilov & Hutter 2019; the order of operations is PyTorch's) on `count` float32:
 *   g = clip * grad;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *   weight = weight (1 - lr decay) - (lr / correction1) m / (sqrt(v) / sqrt(correction2) + eps)
 * The corrections are 1 - beta^step. Gives the sum of |weight| afterwards, in float64, which a ternary matrix needs
 * for its scale.
 */
export function adamwUpdate(
  weight: usize, grad: usize, m: usize, v: usize, count: u32,
  lr: f64, beta1: f64, beta2: f64, eps: f64, decay: f64, correction1: f64, correction2: f64, clip: f32,
): f64 {
  const keep = f32x4.splat(<f32>(1 - lr * decay));
  const b1 = f32x4.splat(<f32>beta1), rest1 = f32x4.splat(<f32>(1 - beta1));
  const b2 = f32x4.splat(<f32>beta2), rest2 = f32x4.splat(<f32>(1 - beta2));
  const root2 = f32x4.splat(<f32>sqrt<f64>(correction2));
  const step = f32x4.splat(<f32>(lr / correction1));
  const epsilon = f32x4.splat(<f32>eps), share = f32x4.splat(clip);
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i += 4) {
    const at: usize = <usize>i << 2;
    const left = count - i;
    const g = f32x4.mul(share, loadLanes(grad + at, left));
    const m1 = normal(f32x4.add(f32x4.mul(b1, loadLanes(m + at, left)), f32x4.mul(rest1, g)));
    const v1 = normal(f32x4.add(f32x4.mul(b2, loadLanes(v + at, left)), f32x4.mul(f32x4.mul(rest2, g), g)));
    const denominator = f32x4.add(f32x4.div(f32x4.sqrt(v1), root2), epsilon);
    const w = f32x4.mul(keep, loadLanes(weight + at, left));
    const updated = f32x4.sub(w, f32x4.mul(step, f32x4.div(m1, denominator)));
    storeLanes(m + at, m1, left);
    storeLanes(v + at, v1, left);
    storeLanes(weight + at, updated, left);
    const size = f32x4.abs(updated);
    sum += <f64>f32x4.extract_lane(size, 0);
    if (left > 1) sum += <f64>f32x4.extract_lane(size, 1);
    if (left > 2) sum += <f64>f32x4.extract_lane(size, 2);
    if (left > 3) sum += <f64>f32x4.extract_lane(size, 3);
  }
  return sum;
}

@inline
function normal(lanes: v128): v128 {
  // NaN compares false and stays: a broken run must be seen
  return v128.andnot(lanes, f32x4.lt(f32x4.abs(lanes), f32x4.splat(SMALLEST)));
}
