import { dequantizeRow, rowStride } from "../dense/quantize-rows";
import { loadLanes, storeLanes } from "../numeric/lanes";

/** x[t] = embed[ids[t]]. x: T x width; embed: V x width; ids: T of int32. */
export function embeddingForward(x: usize, embed: usize, ids: usize, T: u32, width: u32): void {
  const stride: usize = <usize>width << 2;
  for (let t: usize = 0; t < T; t++) {
    memory.copy(x + t * stride, embed + <usize>load<u32>(ids + (t << 2)) * stride, stride);
  }
}

/** The same from quantised rows: x[t] = scales[ids[t]] * codes[ids[t]]; codes: rows of rowStride(width) bytes. */
export function intEmbeddingForward(x: usize, codes: usize, scales: usize, ids: usize, T: u32, width: u32): void {
  for (let t: usize = 0; t < T; t++) {
    const id: usize = load<u32>(ids + (t << 2));
    dequantizeRow(x + ((t * width) << 2), codes + id * rowStride(width), load<f32>(scales + (id << 2)), width);
  }
}

/**
 * dEmbed[ids[t]] += dx[t] in token order, for the ids in [first, first + rows): a worker takes a range of the
 * vocabulary. dEmbed is the address of the whole gradient, V x width.
 */
export function embeddingBackward(
  dEmbed: usize, dx: usize, ids: usize, tokens: u32, width: u32, first: u32, rows: u32,
): void {
  const stride: usize = <usize>width << 2;
  for (let t: usize = 0; t < tokens; t++) {
    const id: usize = load<u32>(ids + (t << 2));
    if (id - first >= rows) continue;
    const to = dEmbed + id * stride, from = dx + t * stride;
    for (let c: u32 = 0; c < width; c += 4) {
      const at: usize = c << 2;
      storeLanes(to + at, f32x4.add(loadLanes(to + at, width - c), loadLanes(from + at, width - c)), width - c);
    }
  }
}
