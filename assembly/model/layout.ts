/**
 * What the model finds where: records of 32-bit fields in memory, filled in by the host before the first call.
 * An address of float32 data is to be read as [T][channels] unless said otherwise. `wasm-build/build.mjs` hands the
 * names of the fields to the host, so this is the only place that lists them.
 */

/** Sizes and the parameters outside the blocks. */
@unmanaged
export class Model {
  V: u32; // vocabulary
  D: u32; // width of the residual stream
  heads: u32;
  headWidth: u32;
  L: u32; // blocks
  F: u32; // width of the feed-forward layer
  windowNorm: u32; // 1: headNorm "window"
  integer: u32; // 1: activations "int8"
  embed: usize; // [V][D]
  headPanels: usize; // float32: embed^T, packed for hidden -> logits
  headPanelsT: usize; // float32: embed, packed for the gradient to hidden; training only
  embedCodes: usize; // int8: embed as whole numbers, [V][rowStride(D)] bytes (dense/quantize-rows.ts)
  embedScales: usize; // int8: [V]
  lnOutWeight: usize;
  lnOutBias: usize;
  vectors: usize; // first of the parameters that are neither ternary nor the embedding; they lie together
  blocks: usize; // Block[L]
}

/** The parameters of one block; codes as in ternary/codes.ts. */
@unmanaged
export class Block {
  ln1Weight: usize;
  ln1Bias: usize;
  mix1: usize;
  forgetBias: usize;
  gnWeight: usize;
  gnBias: usize;
  ln2Weight: usize;
  ln2Bias: usize;
  mix2: usize;
  forgetFloor: f32; // 0.9 l / (L - 1)
  gatesCodes: usize; // W_f, W_v, W_o stacked: [3 C][D]
  gatesScales: usize; // three
  forgetCodesT: usize;
  valueCodesT: usize;
  outputCodesT: usize;
  projCodes: usize; // [D][C]
  projCodesT: usize;
  projScale: usize;
  upCodes: usize; // [F][D]
  upCodesT: usize;
  upScale: usize;
  downCodes: usize; // [D][F]
  downCodesT: usize;
  downScale: usize;
}

/**
 * What one worker keeps of one sequence in one block, for its backward pass. When nothing is trained all blocks
 * share one set. `norm1`, `norm2` and `hidden` are each preceded by one more row: the token before the first.
 */
@unmanaged
export class Saved {
  residual: usize; // x, [T][D]
  mean1: usize; // [T]
  rstd1: usize;
  norm1: usize; // LayerNorm(x; ln1), [T][D]
  gates: usize; // sigmoid | v | o, [T][3 C]
  forget: usize; // f, [T][C]
  hidden: usize; // h
  gated: usize; // o * h
  headMean: usize; // [T][heads], or [heads] of a window
  headRstd: usize;
  middle: usize; // x after the recurrence, [T][D]
  mean2: usize;
  rstd2: usize;
  norm2: usize;
  up: usize; // ffn_up b, [T][F]
}

/**
 * Inputs and output gradients of a block's projections over the whole micro-batch: what weight gradients are made of.
 * A slot a sequence, see tape.ts; the width of each is given here.
 */
@unmanaged
export class Tape {
  gatesInput: usize; // a, D
  projInput: usize; // z, C
  upInput: usize; // b, D
  downInput: usize; // relu(up)^2, F
  dGates: usize; // 3 C
  dProj: usize; // D
  dUp: usize; // F
  dDown: usize; // D
}

/** One worker's memory. */
@unmanaged
export class Workspace {
  saved: usize; // Saved[L]
  tape: usize; // Tape[L], shared by all workers when training
  final: usize; // x after the last block, [T][D]
  finalMean: usize; // [T]
  finalRstd: usize;
  features: usize; // LayerNorm(x; ln_out), [B T][D]
  dEmbedded: usize; // training: gradient to the embedded tokens, [B T][D]
  dLogits: usize; // training, float32: gradient to the logits, [B T][V]
  headRows: usize; // training, int8: the features quantised, [B T][rowStride(D)] bytes (dense/quantize-rows.ts)
  headScales: usize; // training, int8: their scales, [B T]
  headTops: usize; // training, int8: largest logit of each token, [B T]
  headInverses: usize; // training, int8: 1 / sum of e^(logit - largest), [B T]
  dNorm: usize; // scratch, [T][D]; forward: what a projection adds to x
  dShift: usize; // scratch, [T][D]
  dWide: usize; // scratch, [T][max(C, D)]
  activation: usize; // int8: a projection's input, or gradient to its output, before it is quantised, [T][max(3 C, D, F)]
  quantized: usize; // int8, training: a gradient on its way to an input; an input slot of width max(C, D, F)
  row: usize; // scratch, max(3 C, D, F)
  scratch: usize; // of the kernels
}
