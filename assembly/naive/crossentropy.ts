import { log } from "../numeric/log";
import { at, idAt, put } from "./at";
import { naiveExp } from "./exp";

/** probabilities = softmax(logits / temperature); probabilities may be logits. */
export function naiveSoftmaxForward(probabilities: usize, logits: usize, temperature: f64, V: u32): void {
  const top = rowMax(logits, V);
  let sum: f64 = 0;
  for (let v: usize = 0; v < V; v++) {
    put(probabilities, v, naiveExp((at(logits, v) - top) / temperature));
    sum += at(probabilities, v);
  }
  for (let v: usize = 0; v < V; v++) put(probabilities, v, at(probabilities, v) / sum);
}

/** nats[t] = log sum_v e^logits[t][v] - logits[t][targets[t]], the largest logit taken out of the sum. */
export function naiveCrossEntropyForward(nats: usize, logits: usize, targets: usize, T: u32, V: u32): void {
  for (let t: usize = 0; t < T; t++) {
    const row = logits + ((t * V) << 3);
    const top = rowMax(row, V);
    let sum: f64 = 0;
    for (let v: usize = 0; v < V; v++) sum += naiveExp(at(row, v) - top);
    put(nats, t, log(sum) + top - at(row, idAt(targets, t)));
  }
}

/** logits become weight * (softmax(logits) - one hot); nats as above. */
export function naiveCrossEntropyBackward(nats: usize, logits: usize, targets: usize, T: u32, V: u32, weight: f64): void {
  naiveCrossEntropyForward(nats, logits, targets, T, V);
  for (let t: usize = 0; t < T; t++) {
    const row = logits + ((t * V) << 3);
    naiveSoftmaxForward(row, row, 1, V);
    for (let v: usize = 0; v < V; v++) put(row, v, weight * (at(row, v) - (v == idAt(targets, t) ? 1 : 0)));
  }
}

function rowMax(row: usize, V: u32): f64 {
  let top = at(row, 0);
  for (let v: usize = 1; v < V; v++) top = max<f64>(top, at(row, v));
  return top;
}
