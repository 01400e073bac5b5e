import { at, put } from "./at";

/** One AdamW step with decoupled decay, from its paper; gives the sum of |weight| afterwards. */
export function naiveAdamwUpdate(
  weight: usize, grad: usize, m: usize, v: usize, count: u32,
  lr: f64, beta1: f64, beta2: f64, eps: f64, decay: f64, correction1: f64, correction2: f64, clip: f64,
): f64 {
  let sum: f64 = 0;
  for (let i: usize = 0; i < count; i++) {
    const g = clip * at(grad, i);
    put(m, i, beta1 * at(m, i) + (1 - beta1) * g);
    put(v, i, beta2 * at(v, i) + (1 - beta2) * g * g);
    const mHat = at(m, i) / correction1, vHat = at(v, i) / correction2;
    put(weight, i, at(weight, i) - lr * decay * at(weight, i) - (lr * mHat) / (sqrt<f64>(vHat) + eps));
    sum += abs<f64>(at(weight, i));
  }
  return sum;
}
