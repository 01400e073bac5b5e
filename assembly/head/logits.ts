import { intProduct, intProductColumn, intProductScratchBytes, widen } from "../dense/int-product";
import { quantizeRows, rowStride } from "../dense/quantize-rows";

/**
 * The tied head on whole numbers: logits[t][v] = es[v] * (eq[v] . hq[t]) * hs[t], with the embedding and the hidden
 * vectors quantised row by row to int8 (dense/quantize-rows.ts).
 *
 * Logits are made in tiles of tokens by vocabulary entries, the tokens side by side: what is done to all entries of a
 * token is then done to the lanes of a vector.
 */

/** Tokens of a tile when all logits of a token are wanted at once. */
export const TILE_TOKENS: u32 = 32;
/** Vocabulary entries that are widened to int16 at a time. */
const ROW_BLOCK: u32 = 64;

/** Bytes of scratch that {@link logitsTile} needs. */
export function logitsTileScratchBytes(D: u32): usize {
  return intProductScratchBytes() + <usize>ROW_BLOCK * rowStride(D) * 2;
}

/**
 * tile[r][t] = es[r] * (eq[r] . hq[t]), the logits but for the tokens' scales.
 *
 * @param tile `rows` of `tileStride` floats, of which `tokens` are written
 * @param codes eq: rows of rowStride(D) bytes; scales: es
 * @param q hq: `tokens` rows of rowStride(D) bytes
 */
export function logitsTile(
  tile: usize, tileStride: u32, codes: usize, scales: usize, rows: u32, q: usize, tokens: u32, D: u32, scratch: usize,
): void {
  const width: usize = rowStride(D);
  const wide = scratch + intProductScratchBytes();
  for (let row: u32 = 0; row < rows; row += ROW_BLOCK) {
    const count = min<u32>(ROW_BLOCK, rows - row);
    widen(wide, codes + row * width, count * width);
    const to = tile + ((<usize>row * tileStride) << 2);
    intProduct(to, tileStride, wide, <u32>width, scales + (<usize>row << 2), q, <u32>width, true, count, tokens, D, false, scratch);
  }
}

/** Bytes of scratch that {@link intLogitsForward} needs. */
export function intLogitsScratchBytes(V: u32, D: u32): usize {
  return <usize>(rowStride(D) + 4) * TILE_TOKENS + (<usize>V * TILE_TOKENS << 2) + logitsTileScratchBytes(D);
}

/**
 * Logits of T tokens, [T][V], from their hidden vectors, [T][D] float32. One token or many, the bits are the same.
 */
export function intLogitsForward(
  logits: usize, hidden: usize, codes: usize, scales: usize, T: u32, V: u32, D: u32, scratch: usize,
): void {
  const tokenScales = scratch;
  const q = tokenScales + (TILE_TOKENS << 2);
  const tile = q + <usize>rowStride(D) * TILE_TOKENS;
  const rest = tile + (<usize>V * TILE_TOKENS << 2);
  if (T == 1) {
    quantizeRows(q, tokenScales, hidden, 1, D);
    intProductColumn(logits, codes, rowStride(D), scales, q, load<f32>(tokenScales), V, D, rest);
    return;
  }
  for (let t: u32 = 0; t < T; t += TILE_TOKENS) {
    const tokens = min<u32>(TILE_TOKENS, T - t);
    quantizeRows(q, tokenScales, hidden + ((<usize>t * D) << 2), tokens, D);
    logitsTile(tile, TILE_TOKENS, codes, scales, V, q, tokens, D, rest);
    storeTransposed(logits + ((<usize>t * V) << 2), tile, tokenScales, tokens, V);
  }
}

// logits[t][v] = tile[v][t] * scales[t]
function storeTransposed(logits: usize, tile: usize, scales: usize, tokens: u32, V: u32): void {
  const rowBytes: usize = TILE_TOKENS << 2;
  for (let t: u32 = 0; t < tokens; t++) {
    const scale = load<f32>(scales + (<usize>t << 2));
    const row = logits + ((<usize>t * V) << 2), column = tile + (<usize>t << 2);
    for (let v: usize = 0; v < V; v++) store<f32>(row + (v << 2), load<f32>(column + v * rowBytes) * scale);
  }
}
