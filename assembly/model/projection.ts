import { hashKey } from "../numeric/random";
import { intTernaryForward } from "../ternary/int-project";
import { ternaryForward } from "../ternary/project";
import { quantizeChannels, quantizeTokens } from "../ternary/quantize";
import { Model, Workspace } from "./layout";
import { gradientSlotBytes, inputSlotBytes, scalesOffset, slotStride } from "./tape";

/** A projection within its block, in the order of the backward pass: part of the key of its random rounding. */
export const enum Projection {
  down,
  up,
  proj,
  gates,
}

/** Where a projection's input is to be written as float32, [T][width]: on the tape, or beside it to be quantised. */
@inline
export function inputPlace(model: Model, work: Workspace, tape: usize, slot: u32, T: u32, width: u32): usize {
  return model.integer ? work.activation : tape + <usize>slot * inputSlotBytes(T, width, false);
}

/** The same for a gradient to its output that is computed there. */
@inline
export function gradientPlace(model: Model, work: Workspace, tape: usize, slot: u32, T: u32, width: u32): usize {
  return model.integer ? work.activation : tape + <usize>slot * gradientSlotBytes(T, width, false);
}

/**
 * y = W x for the input at {@link inputPlace}, which is kept on the tape: as it is, or quantised once per token.
 * y: [T][outputs]; codes, scales, outputsPerScale: see ternary/project.ts.
 */
export function projectForward(
  model: Model, work: Workspace, y: usize, tape: usize, slot: u32, T: u32, outputs: u32, inputs: u32,
  codes: usize, scales: usize, outputsPerScale: u32,
): void {
  const x = inputPlace(model, work, tape, slot, T, inputs);
  if (!model.integer) {
    ternaryForward(y, outputs, x, inputs, codes, scales, outputsPerScale, T, outputs, inputs, false, work.scratch);
    return;
  }
  const q = tape + <usize>slot * inputSlotBytes(T, inputs, true);
  const stride = slotStride(T), tokenScales = q + scalesOffset(T, inputs);
  quantizeTokens(q, stride, tokenScales, x, inputs, T, inputs);
  intTernaryForward(y, outputs, q, stride, tokenScales, codes, scales, outputsPerScale, T, outputs, inputs, false, work.scratch);
}

/**
 * dx (+)= W^T dy: the gradient to a projection's input. dy: [T] rows of `dyStride` floats, of which this matrix takes
 * `outputs`; dx: [T][inputs].
 */
export function projectBackward(
  model: Model, work: Workspace, dx: usize, dy: usize, dyStride: u32, T: u32, outputs: u32, inputs: u32,
  codesT: usize, scale: usize, accumulate: bool,
): void {
  if (!model.integer) {
    ternaryForward(dx, inputs, dy, dyStride, codesT, scale, inputs, T, inputs, outputs, accumulate, work.scratch);
    return;
  }
  const q = work.quantized;
  const stride = slotStride(T), tokenScales = q + scalesOffset(T, outputs);
  quantizeTokens(q, stride, tokenScales, dy, dyStride, T, outputs);
  intTernaryForward(dx, inputs, q, stride, tokenScales, codesT, scale, inputs, T, inputs, outputs, accumulate, work.scratch);
}

/**
 * Leaves on the tape what the gradient of the weight needs of dy ([T][outputs]): in float32 dy itself, if it is not
 * there already ({@link gradientPlace}); in int8 the scales of the kept input folded in, rounded at random.
 */
export function keepGradient(
  model: Model, work: Workspace, tape: usize, inputTape: usize, slot: u32, dy: usize, T: u32, outputs: u32, inputs: u32, key: u32,
): void {
  if (!model.integer) {
    const place = gradientPlace(model, work, tape, slot, T, outputs);
    if (dy != place) memory.copy(place, dy, <usize>(T * outputs) << 2);
    return;
  }
  const q = tape + <usize>slot * gradientSlotBytes(T, outputs, true);
  const tokenScales = inputTape + <usize>slot * inputSlotBytes(T, inputs, true) + scalesOffset(T, inputs);
  quantizeChannels(q, slotStride(T), q + scalesOffset(T, outputs), dy, outputs, tokenScales, T, outputs, key);
}

/** The key of a projection's random rounding, from that of its sequence. */
@inline
export function projectionKey(key: u32, l: u32, projection: Projection): u32 {
  return hashKey(l * 4 + projection, key);
}
