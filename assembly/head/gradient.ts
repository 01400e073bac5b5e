import { intProduct, intProductScratchBytes } from "../dense/int-product";
import { rowStride } from "../dense/quantize-rows";
import { exp } from "../numeric/exp";
import { loadLanes, maxLanes } from "../numeric/lanes";
import { logitsTile, logitsTileScratchBytes } from "./logits";
import { GRADIENT_MAX, SMALLEST_GRADIENT } from "./loss";

/**
 * The gradient to rows of the embedding as the head's matrix, over one sequence:
 * dE[v] = w sum_t (p[t][v] - [v = targets[t]]) hs[t] hq[t].
 *
 * The probabilities are computed again, a tile of entries by tokens at a time, from the numbers that the loss had
 * (head/loss.ts), so that no worker has to keep logits for another. The tokens' scales are folded in, and each row is
 * rounded to 16 bits.
 */

/** Entries and tokens of a tile. */
const TILE_ROWS: u32 = 64;
const TILE_TOKENS: u32 = 256;

/** Bytes of scratch that {@link headWeightGradient} needs. */
export function headGradientScratchBytes(D: u32): usize {
  return <usize>(TILE_ROWS * TILE_TOKENS) * 6 + (TILE_ROWS << 2) + max<usize>(logitsTileScratchBytes(D), intProductScratchBytes());
}

/**
 * dE[r] (+)= the gradient to entry first + r, for `rows` of them.
 *
 * @param dE `rows` x D float32
 * @param codes,scales eq and es of these rows
 * @param q,tokenScales,tops,inverses as head/loss.ts had and left them
 */
export function headWeightGradient(
  dE: usize, codes: usize, scales: usize, first: u32, rows: u32, q: usize, tokenScales: usize,
  tops: usize, inverses: usize, targets: usize, T: u32, D: u32, weight: f32, accumulate: bool, scratch: usize,
): void {
  const width = rowStride(D);
  const tile = scratch;
  const dLogits = tile + <usize>(TILE_ROWS * TILE_TOKENS) * 4;
  const rowScales = dLogits + <usize>(TILE_ROWS * TILE_TOKENS) * 2;
  const rest = rowScales + (TILE_ROWS << 2);
  for (let row: u32 = 0; row < rows; row += TILE_ROWS) {
    const count = min<u32>(TILE_ROWS, rows - row);
    for (let t: u32 = 0; t < T; t += TILE_TOKENS) {
      const tokens = min<u32>(TILE_TOKENS, T - t);
      const at: usize = <usize>t << 2;
      logitsTile(tile, TILE_TOKENS, codes + <usize>row * width, scales + (<usize>row << 2), count, q + <usize>t * width, tokens, D, rest);
      for (let r: u32 = 0; r < count; r++) {
        probabilities(tile + ((<usize>r * TILE_TOKENS) << 2), tokenScales + at, tops + at, inverses + at, tokens);
      }
      for (let i: u32 = 0; i < tokens; i++) {
        const entry = load<u32>(targets + at + (<usize>i << 2)) - first - row;
        if (entry >= count) continue;
        const cell = tile + (<usize>(entry * TILE_TOKENS + i) << 2);
        store<f32>(cell, load<f32>(cell) - load<f32>(tokenScales + at + (<usize>i << 2)));
      }
      for (let r: u32 = 0; r < count; r++) {
        const scale = quantizeRow(dLogits + ((<usize>r * TILE_TOKENS) << 1), tile + ((<usize>r * TILE_TOKENS) << 2), tokens);
        store<f32>(rowScales + (<usize>r << 2), scale * weight);
      }
      const to = dE + ((<usize>row * D) << 2);
      intProduct(to, D, dLogits, TILE_TOKENS, rowScales, q + <usize>t * width, width, false, count, D, tokens, accumulate || t > 0, rest);
    }
  }
}

// p[t] * hs[t] in place of the logits of one entry; 0 for the lanes after the last token
@inline
function probabilities(row: usize, tokenScales: usize, tops: usize, inverses: usize, tokens: u32): void {
  for (let t: u32 = 0; t < tokens; t += 4) {
    const at: usize = <usize>t << 2;
    const left: i32 = tokens - t;
    const scale = loadLanes(tokenScales + at, left);
    const e = exp(f32x4.sub(f32x4.mul(loadLanes(row + at, left), scale), loadLanes(tops + at, left)));
    v128.store(row + at, f32x4.mul(f32x4.mul(e, loadLanes(inverses + at, left)), scale));
  }
}

// int16 of one row, whose scale it gives
@inline
function quantizeRow(q: usize, row: usize, tokens: u32): f32 {
  let top = f32x4.splat(0);
  for (let t: u32 = 0; t < tokens; t += 4) top = f32x4.max(top, f32x4.abs(v128.load(row + (<usize>t << 2))));
  const size = maxLanes(top);
  const factor = f32x4.splat(size < SMALLEST_GRADIENT ? 0 : GRADIENT_MAX / size);
  for (let t: u32 = 0; t < tokens; t += 8) {
    const at = row + (<usize>t << 2);
    const low = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), factor)));
    const high = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at, 16), factor)));
    v128.store(q + (<usize>t << 1), i16x8.narrow_i32x4_s(low, high));
  }
  return size < SMALLEST_GRADIENT ? 0 : size / GRADIENT_MAX;
}
