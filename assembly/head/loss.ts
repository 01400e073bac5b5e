import { intProduct } from "../dense/int-product";
import { rowStride } from "../dense/quantize-rows";
import { exp } from "../numeric/exp";
import { log } from "../numeric/log";
import { logitsTile, logitsTileScratchBytes, TILE_TOKENS } from "./logits";

/**
 * Cross entropy of a sequence and its gradient to the hidden vectors, tile by tile: the logits of 32 tokens exist at
 * once, and no more. The gradient to the embedding computes them again from the same numbers (head/gradient.ts).
 *
 * dHidden[t] = w sum_v (p[t][v] - [v = target]) es[v] eq[v]: the embedding's scales are folded into the gradient to the
 * logits, which is then rounded to 16 bits, token by token. 8 bits would not do: next to the target's -1 most
 * probabilities of a large vocabulary would be 0.
 */

/** The largest size of a quantised gradient to a logit. */
export const GRADIENT_MAX: f32 = 32767;
/** A gradient smaller than this all over counts as 0. */
export const SMALLEST_GRADIENT: f32 = 1e-30;
/** Adding it to a number below 2^22 rounds that to a whole number, half to even, found in the low bits. */
const ROUNDER: f32 = 12582912;
const ROUNDER_BITS: i32 = 0x4b400000;

/** int16 of a row of quantised gradients to logits. */
@inline
function gradientStride(V: u32): u32 {
  return (V + 7) & ~7;
}

/** Bytes of scratch that {@link headLossBackward} needs. */
export function headLossScratchBytes(V: u32, D: u32): usize {
  const tile: usize = <usize>gradientStride(V) * TILE_TOKENS;
  return (tile << 2) + (tile << 1) + 2 * (TILE_TOKENS << 2) + logitsTileScratchBytes(D);
}

/**
 * nats[t] = -ln p(targets[t]) of T tokens, and dHidden, the gradient of `weight` times their sum to the hidden vectors.
 *
 * @param dHidden [T][D] float32; nats: float64 a token
 * @param q,tokenScales hq and hs: the quantised hidden vectors, T rows of rowStride(D) bytes
 * @param tops,inverses what head/gradient.ts needs to see the same probabilities, float32 a token: the largest logit,
 * and one over the sum of e^(logit - largest)
 * @param codes,scales eq and es, the embedding
 */
export function headLossBackward(
  dHidden: usize, nats: usize, tops: usize, inverses: usize, q: usize, tokenScales: usize, codes: usize, scales: usize,
  targets: usize, T: u32, V: u32, D: u32, weight: f32, scratch: usize,
): void {
  const gradients = gradientStride(V);
  const tile = scratch;
  const dLogits = tile + ((<usize>gradients * TILE_TOKENS) << 2);
  const factors = dLogits + ((<usize>gradients * TILE_TOKENS) << 1);
  const rowScales = factors + (TILE_TOKENS << 2);
  const rest = rowScales + (TILE_TOKENS << 2);
  for (let first: u32 = 0; first < T; first += TILE_TOKENS) {
    const tokens = min<u32>(TILE_TOKENS, T - first);
    logitsTile(tile, TILE_TOKENS, codes, scales, V, q + <usize>first * rowStride(D), tokens, D, rest);
    for (let t: u32 = 0; t < tokens; t += 8) {
      softmaxOfEight(
        tile + (<usize>t << 2), tokenScales + (<usize>(first + t) << 2), tokens - t, scales,
        nats + (<usize>(first + t) << 3), tops + (<usize>(first + t) << 2), inverses + (<usize>(first + t) << 2),
        targets + (<usize>(first + t) << 2), factors + (<usize>t << 2), rowScales + (<usize>t << 2), V, weight,
      );
      quantizeEight(dLogits + ((<usize>t * gradients) << 1), gradients, tile + (<usize>t << 2), factors + (<usize>t << 2), scales, V);
    }
    for (let t: u32 = 0; t < tokens; t++) {
      const target: usize = load<u32>(targets + (<usize>(first + t) << 2));
      const factor = load<f32>(factors + (<usize>t << 2));
      // e^logit - the sum of all: p - 1, before the division that the factor makes
      const e = load<f32>(tile + (((target * TILE_TOKENS) + t) << 2)) - <f32>1 / load<f32>(inverses + (<usize>(first + t) << 2));
      const whole = nearest<f32>(e * load<f32>(scales + (target << 2)) * factor);
      store<i16>(dLogits + ((<usize>t * gradients + target) << 1), <i16>max<f32>(-GRADIENT_MAX, min<f32>(GRADIENT_MAX, whole)));
    }
    const to = dHidden + ((<usize>first * D) << 2);
    intProduct(to, D, dLogits, gradients, rowScales, codes, rowStride(D), false, tokens, D, V, false, rest);
  }
}

// e^(logit - largest) into eight columns of the tile; of each the loss, and what turns e^.. into whole numbers
@inline
function softmaxOfEight(
  tile: usize, tokenScales: usize, present: i32, scales: usize, nats: usize, tops: usize, inverses: usize, targets: usize,
  factors: usize, rowScales: usize, V: u32, weight: f32,
): void {
  const rowBytes: usize = TILE_TOKENS << 2;
  const end = tile + <usize>V * rowBytes;
  let top0 = v128.load(tile), top1 = v128.load(tile, 16);
  for (let at = tile + rowBytes; at < end; at += rowBytes) {
    top0 = f32x4.max(top0, v128.load(at));
    top1 = f32x4.max(top1, v128.load(at, 16));
  }
  // the scratch of the factors is read before it is written: the scales of the tokens, 0 for those that are not there
  for (let t: usize = 0; t < 8; t++) store<f32>(factors + (t << 2), <i32>t < present ? load<f32>(tokenScales + (t << 2)) : 0);
  const scale0 = v128.load(factors), scale1 = v128.load(factors, 16);
  top0 = f32x4.mul(top0, scale0), top1 = f32x4.mul(top1, scale1);
  v128.store(factors, top0), v128.store(factors, top1, 16);
  for (let t: usize = 0; t < 8 && <i32>t < present; t++) {
    store<f32>(tops + (t << 2), load<f32>(factors + (t << 2)));
    const logit = load<f32>(tile + <usize>load<u32>(targets + (t << 2)) * rowBytes + (t << 2)) * load<f32>(tokenScales + (t << 2));
    store<f64>(nats + (t << 3), <f64>load<f32>(factors + (t << 2)) - <f64>logit);
  }
  let sum0 = f64x2.splat(0), sum1 = f64x2.splat(0), sum2 = f64x2.splat(0), sum3 = f64x2.splat(0);
  let most0 = f32x4.splat(0), most1 = f32x4.splat(0);
  let entry = scales;
  for (let at = tile; at < end; at += rowBytes) {
    const scale = v128.load32_splat(entry);
    let e = exp(f32x4.sub(f32x4.mul(v128.load(at), scale0), top0));
    v128.store(at, e);
    sum0 = f64x2.add(sum0, f64x2.promote_low_f32x4(e));
    sum1 = f64x2.add(sum1, f64x2.promote_low_f32x4(v128.shuffle<f32>(e, e, 2, 3, 2, 3)));
    most0 = f32x4.max(most0, f32x4.mul(e, scale));
    e = exp(f32x4.sub(f32x4.mul(v128.load(at, 16), scale1), top1));
    v128.store(at, e, 16);
    sum2 = f64x2.add(sum2, f64x2.promote_low_f32x4(e));
    sum3 = f64x2.add(sum3, f64x2.promote_low_f32x4(v128.shuffle<f32>(e, e, 2, 3, 2, 3)));
    most1 = f32x4.max(most1, f32x4.mul(e, scale));
    entry += 4;
  }
  v128.store(factors, most0), v128.store(factors, most1, 16);
  putToken(0, present, f64x2.extract_lane(sum0, 0), tile, scales, nats, inverses, targets, factors, rowScales, weight);
  putToken(1, present, f64x2.extract_lane(sum0, 1), tile, scales, nats, inverses, targets, factors, rowScales, weight);
  putToken(2, present, f64x2.extract_lane(sum1, 0), tile, scales, nats, inverses, targets, factors, rowScales, weight);
  putToken(3, present, f64x2.extract_lane(sum1, 1), tile, scales, nats, inverses, targets, factors, rowScales, weight);
  putToken(4, present, f64x2.extract_lane(sum2, 0), tile, scales, nats, inverses, targets, factors, rowScales, weight);
  putToken(5, present, f64x2.extract_lane(sum2, 1), tile, scales, nats, inverses, targets, factors, rowScales, weight);
  putToken(6, present, f64x2.extract_lane(sum3, 0), tile, scales, nats, inverses, targets, factors, rowScales, weight);
  putToken(7, present, f64x2.extract_lane(sum3, 1), tile, scales, nats, inverses, targets, factors, rowScales, weight);
}

// `factors` holds the largest e^.. * es of each token, and then what that becomes GRADIENT_MAX with
function putToken(
  t: usize, present: i32, sum: f64, tile: usize, scales: usize, nats: usize, inverses: usize, targets: usize,
  factors: usize, rowScales: usize, weight: f32,
): void {
  const at = t << 2;
  if (<i32>t >= present) {
    store<f32>(factors + at, 0);
    return;
  }
  const inverse = <f32>(1 / sum);
  const target: usize = load<u32>(targets + at);
  store<f32>(inverses + at, inverse);
  store<f64>(nats + (t << 3), load<f64>(nats + (t << 3)) + log(sum));
  const ofTarget = (<f32>1 / inverse - load<f32>(tile + ((target * TILE_TOKENS) << 2) + at)) * load<f32>(scales + (target << 2));
  const most = max<f32>(load<f32>(factors + at), ofTarget);
  store<f32>(factors + at, most < SMALLEST_GRADIENT ? 0 : GRADIENT_MAX / most);
  store<f32>(rowScales + at, most < SMALLEST_GRADIENT ? 0 : (most / GRADIENT_MAX) * inverse * weight);
}

// dLogits[t][v] = round(tile[v][t] * es[v] * factors[t]) for eight tokens, whose rows are `stride` int16 apart; from V to
// the next multiple of 8 come numbers that mean nothing
function quantizeEight(dLogits: usize, stride: u32, tile: usize, factors: usize, scales: usize, V: u32): void {
  const rowBytes: usize = TILE_TOKENS << 2;
  const to: usize = <usize>stride << 1;
  const factor0 = v128.load(factors), factor1 = v128.load(factors, 16);
  for (let v: u32 = 0; v < V; v += 8) {
    const at = tile + <usize>v * rowBytes, entry = scales + (<usize>v << 2);
    // rows of eight tokens ...
    const a = wholes(at, entry, factor0, factor1), b = wholes(at + rowBytes, entry + 4, factor0, factor1);
    const c = wholes(at + 2 * rowBytes, entry + 8, factor0, factor1), d = wholes(at + 3 * rowBytes, entry + 12, factor0, factor1);
    const e = wholes(at + 4 * rowBytes, entry + 16, factor0, factor1), f = wholes(at + 5 * rowBytes, entry + 20, factor0, factor1);
    const g = wholes(at + 6 * rowBytes, entry + 24, factor0, factor1), h = wholes(at + 7 * rowBytes, entry + 28, factor0, factor1);
    // ... to rows of eight entries
    const ab0 = zipLow(a, b), ab1 = zipHigh(a, b), cd0 = zipLow(c, d), cd1 = zipHigh(c, d);
    const ef0 = zipLow(e, f), ef1 = zipHigh(e, f), gh0 = zipLow(g, h), gh1 = zipHigh(g, h);
    let abcd = v128.shuffle<i32>(ab0, cd0, 0, 4, 1, 5), efgh = v128.shuffle<i32>(ef0, gh0, 0, 4, 1, 5);
    let row = dLogits + (<usize>v << 1);
    v128.store(row, v128.shuffle<i64>(abcd, efgh, 0, 2)), v128.store(row + to, v128.shuffle<i64>(abcd, efgh, 1, 3));
    abcd = v128.shuffle<i32>(ab0, cd0, 2, 6, 3, 7), efgh = v128.shuffle<i32>(ef0, gh0, 2, 6, 3, 7);
    row += 2 * to;
    v128.store(row, v128.shuffle<i64>(abcd, efgh, 0, 2)), v128.store(row + to, v128.shuffle<i64>(abcd, efgh, 1, 3));
    abcd = v128.shuffle<i32>(ab1, cd1, 0, 4, 1, 5), efgh = v128.shuffle<i32>(ef1, gh1, 0, 4, 1, 5);
    row += 2 * to;
    v128.store(row, v128.shuffle<i64>(abcd, efgh, 0, 2)), v128.store(row + to, v128.shuffle<i64>(abcd, efgh, 1, 3));
    abcd = v128.shuffle<i32>(ab1, cd1, 2, 6, 3, 7), efgh = v128.shuffle<i32>(ef1, gh1, 2, 6, 3, 7);
    row += 2 * to;
    v128.store(row, v128.shuffle<i64>(abcd, efgh, 0, 2)), v128.store(row + to, v128.shuffle<i64>(abcd, efgh, 1, 3));
  }
}

@inline
function wholes(row: usize, scale: usize, factor0: v128, factor1: v128): v128 {
  const entry = v128.load32_splat(scale);
  return i16x8.narrow_i32x4_s(whole(v128.load(row), entry, factor0), whole(v128.load(row, 16), entry, factor1));
}

@inline
function whole(e: v128, entry: v128, factor: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(f32x4.mul(e, entry), factor), f32x4.splat(ROUNDER)), i32x4.splat(ROUNDER_BITS));
}

@inline
function zipLow(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

@inline
function zipHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
