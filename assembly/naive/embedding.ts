import { add, at, idAt, put } from "./at";

/** x[t] = embed[ids[t]]. */
export function naiveEmbeddingForward(x: usize, embed: usize, ids: usize, T: u32, width: u32): void {
  for (let t: usize = 0; t < T; t++) {
    for (let c: usize = 0; c < width; c++) put(x, t * width + c, at(embed, idAt(ids, t) * width + c));
  }
}

/** dEmbed[ids[t]] += dx[t] where first <= ids[t] < first + rows. */
export function naiveEmbeddingBackward(
  dEmbed: usize, dx: usize, ids: usize, tokens: u32, width: u32, first: u32, rows: u32,
): void {
  for (let t: usize = 0; t < tokens; t++) {
    const id = idAt(ids, t);
    if (id < <usize>first || id >= <usize>first + rows) continue;
    for (let c: usize = 0; c < width; c++) add(dEmbed, id * width + c, at(dx, t * width + c));
  }
}
