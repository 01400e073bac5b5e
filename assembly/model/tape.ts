/**
 * The tape: what a sequence leaves for the gradients of the weights, a slot for each projection's input and one for
 * the gradient to its output.
 *
 * float32: [T][width] numbers; slots lie end to end, so that all tokens of a micro-batch are one matrix.
 * int8: [width][stride] bytes, tokens side by side, then float32 scales: of an input one a token, of a gradient one a
 * channel (ternary/quantize.ts). The table kernel reads rows to the next multiple of 16.
 */

/** Bytes between the rows of an int8 slot. */
@inline
export function slotStride(T: u32): u32 {
  return (T + 31) & ~31;
}

/** Where in an int8 slot the scales begin. */
@inline
export function scalesOffset(T: u32, width: u32): usize {
  return <usize>((width + 15) & ~15) * slotStride(T);
}

/** Bytes of a slot of an input. */
export function inputSlotBytes(T: u32, width: u32, integer: bool): usize {
  return integer ? (scalesOffset(T, width) + (<usize>T << 2) + 63) & ~63 : <usize>(T * width) << 2;
}

/** Bytes of a slot of a gradient. */
export function gradientSlotBytes(T: u32, width: u32, integer: bool): usize {
  return integer ? (scalesOffset(T, width) + (<usize>width << 2) + 63) & ~63 : <usize>(T * width) << 2;
}
