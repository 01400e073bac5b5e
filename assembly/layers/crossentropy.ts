import { exp } from "../numeric/exp";
import { loadLanes, maskLanes, maxLanes, storeLanes } from "../numeric/lanes";
import { log } from "../numeric/log";

/**
 * nats[t] = log sum_v e^logits[t][v] - logits[t][targets[t]], float64.
 * logits: T x V; targets: T of int32; nats: T of float64.
 */
export function crossEntropyForward(nats: usize, logits: usize, targets: usize, T: u32, V: u32): void {
  const stride: usize = <usize>V << 2;
  for (let t: usize = 0; t < T; t++) {
    const row = logits + t * stride;
    const top = rowMax(row, V);
    let low = f64x2.splat(0), high = f64x2.splat(0);
    for (let v: u32 = 0; v < V; v += 4) {
      const e = maskLanes(exp(f32x4.sub(loadLanes(row + (v << 2), V - v), f32x4.splat(top))), V - v);
      low = addLow(low, e);
      high = addHigh(high, e);
    }
    store<f64>(nats + (t << 3), natsOf(row, top, sumOf(low, high), load<u32>(targets + (t << 2))));
  }
}

/**
 * The same, and logits become their gradient in place: weight * (softmax(logits) - one hot). `weight` is one over
 * the number of tokens that the loss averages.
 */
export function crossEntropyBackward(
  nats: usize, logits: usize, targets: usize, T: u32, V: u32, weight: f32,
): void {
  const stride: usize = <usize>V << 2;
  for (let t: usize = 0; t < T; t++) {
    const row = logits + t * stride;
    const target = load<u32>(targets + (t << 2));
    const top = rowMax(row, V);
    const targetLogit = load<f32>(row + (<usize>target << 2));
    let low = f64x2.splat(0), high = f64x2.splat(0);
    for (let v: u32 = 0; v < V; v += 4) {
      const e = maskLanes(exp(f32x4.sub(loadLanes(row + (v << 2), V - v), f32x4.splat(top))), V - v);
      storeLanes(row + (v << 2), e, V - v);
      low = addLow(low, e);
      high = addHigh(high, e);
    }
    const sum = sumOf(low, high);
    store<f64>(nats + (t << 3), log(sum) + (<f64>top - <f64>targetLogit));
    const scale = f32x4.splat(<f32>(<f64>weight / sum));
    for (let v: u32 = 0; v < V; v += 4) {
      storeLanes(row + (v << 2), f32x4.mul(loadLanes(row + (v << 2), V - v), scale), V - v);
    }
    const at = row + (<usize>target << 2);
    store<f32>(at, load<f32>(at) - weight);
  }
}

/** probabilities = softmax(logits / temperature), V float32; for sampling. `probabilities` may be `logits`. */
export function softmaxForward(probabilities: usize, logits: usize, temperature: f32, V: u32): void {
  const top = f32x4.splat(rowMax(logits, V));
  const heat = f32x4.splat(temperature);
  let low = f64x2.splat(0), high = f64x2.splat(0);
  for (let v: u32 = 0; v < V; v += 4) {
    const at: usize = v << 2;
    const e = maskLanes(exp(f32x4.div(f32x4.sub(loadLanes(logits + at, V - v), top), heat)), V - v);
    storeLanes(probabilities + at, e, V - v);
    low = addLow(low, e);
    high = addHigh(high, e);
  }
  const scale = f32x4.splat(<f32>(1 / sumOf(low, high)));
  for (let v: u32 = 0; v < V; v += 4) {
    const at: usize = v << 2;
    storeLanes(probabilities + at, f32x4.mul(loadLanes(probabilities + at, V - v), scale), V - v);
  }
}

@inline
function natsOf(row: usize, top: f32, sum: f64, target: u32): f64 {
  return log(sum) + (<f64>top - <f64>load<f32>(row + (<usize>target << 2)));
}

function rowMax(row: usize, count: u32): f32 {
  let top = v128.load32_splat(row);
  for (let c: u32 = 0; c + 4 <= count; c += 4) top = f32x4.max(top, v128.load(row + (c << 2)));
  for (let c = count & ~3; c < count; c++) top = f32x4.max(top, v128.load32_splat(row + (c << 2)));
  return maxLanes(top);
}

// sums of a vocabulary are taken in float64: thousands of addends, and the score is read to the last digit
@inline
function addLow(sum: v128, lanes: v128): v128 {
  return f64x2.add(sum, f64x2.promote_low_f32x4(lanes));
}

@inline
function addHigh(sum: v128, lanes: v128): v128 {
  return f64x2.add(sum, f64x2.promote_low_f32x4(v128.shuffle<f32>(lanes, lanes, 2, 3, 2, 3)));
}

@inline
function sumOf(low: v128, high: v128): f64 {
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}
