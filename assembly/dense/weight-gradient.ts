import { columnPanelBytes, packColumns } from "./panels";
import { denseForward, denseScratchBytes } from "./product";

/** Tokens whose inputs are packed at a time. */
const TOKEN_BLOCK: u32 = 256;

/** Bytes of scratch that {@link weightGradient} needs. */
export function weightGradientScratchBytes(inputs: u32): usize {
  return columnPanelBytes(TOKEN_BLOCK, inputs) + denseScratchBytes();
}

/**
 * dW[n][k] (+)= sum_t dy[t][n] x[t][k] over all tokens, in token order: the gradient of a projection's weight
 * (straight through the quantiser: MODEL.md, BitLinear).
 *
 * dW: `outputs` x `inputs`, row-major; dy: tokens in rows of `dyStride` floats; x: tokens in rows of `inputs` floats.
 * A worker may take any rows of dW: pass their address and that of their first column of dy.
 */
export function weightGradient(
  dW: usize, dy: usize, dyStride: u32, x: usize,
  tokens: u32, outputs: u32, inputs: u32, accumulate: bool, scratch: usize,
): void {
  const panels = scratch + denseScratchBytes();
  if (tokens == 0 && !accumulate) memory.fill(dW, 0, (<usize>outputs * inputs) << 2);
  for (let t: u32 = 0; t < tokens; t += TOKEN_BLOCK) {
    const here = min<u32>(TOKEN_BLOCK, tokens - t);
    packColumns(panels, x + ((<usize>t * inputs) << 2), inputs, 1, here, inputs);
    // A = dy transposed: row n is a column of dy
    denseForward(dW, inputs, dy + ((<usize>t * dyStride) << 2), 1, dyStride, panels, outputs, inputs, here, accumulate || t > 0, scratch);
  }
}
