import { gatesBackward, gatesForward } from "../layers/gates";
import { headNormBackward, headNormForward } from "../layers/headnorm";
import { layerNormBackward, layerNormForward } from "../layers/layernorm";
import { recurrenceBackward, recurrenceForward } from "../layers/recurrence";
import { reluSquaredBackward, reluSquaredForward } from "../layers/relu-squared";
import { residualForward } from "../layers/residual";
import { shiftBackward, shiftForward } from "../layers/shift";
import { ternaryForward } from "../ternary/project";
import { Block, Model, Saved, Tape, Workspace } from "./layout";

/**
 * One block over T tokens, line by line as in MODEL.md: x from saved.residual to `out` (which may be the same).
 * `row` is the place of the first token on the tape.
 */
export function blockForward(model: Model, block: Block, saved: Saved, tape: Tape, out: usize, row: u32, T: u32, work: Workspace): void {
  const D = model.D, C = model.heads * model.headWidth, F = model.F;
  const span = model.windowNorm ? T : 1;
  const a = rowOf(tape.gatesInput, row, D), z = rowOf(tape.projInput, row, C);
  const b = rowOf(tape.upInput, row, D), u = rowOf(tape.downInput, row, F);
  const scratch = work.scratch;

  // a = shift(LayerNorm(x; ln1), mix1)
  layerNormForward(saved.norm1, saved.mean1, saved.rstd1, saved.residual, block.ln1Weight, block.ln1Bias, T, D);
  shiftForward(a, saved.norm1, block.mix1, work.row, T, D);
  // f, v, o
  ternaryForward(saved.gates, 3 * C, a, D, block.gatesCodes, block.gatesScales, C, T, 3 * C, D, false, scratch);
  gatesForward(saved.forget, saved.gates, block.forgetBias, block.forgetFloor, T, C);
  // h = f * h_before + (1 - f) * v;  o * h
  recurrenceForward(saved.hidden, saved.gated, saved.forget, saved.gates, T, C);
  // z = HeadNorm(o * h; gn)
  headNormForward(z, saved.headMean, saved.headRstd, saved.gated, block.gnWeight, block.gnBias, T, model.heads, model.headWidth, span);
  // x += W_proj z
  ternaryForward(work.dNorm, D, z, C, block.projCodes, block.projScale, D, T, D, C, false, scratch);
  residualForward(saved.middle, saved.residual, work.dNorm, T * D);
  // b = shift(LayerNorm(x; ln2), mix2)
  layerNormForward(saved.norm2, saved.mean2, saved.rstd2, saved.middle, block.ln2Weight, block.ln2Bias, T, D);
  shiftForward(b, saved.norm2, block.mix2, work.row, T, D);
  // x += ffn_down(relu(ffn_up b)^2)
  ternaryForward(saved.up, F, b, D, block.upCodes, block.upScale, F, T, F, D, false, scratch);
  reluSquaredForward(u, saved.up, T * F);
  ternaryForward(work.dNorm, D, u, F, block.downCodes, block.downScale, D, T, D, F, false, scratch);
  residualForward(out, saved.middle, work.dNorm, T * D);
}

/**
 * The same, backwards. `dx` ([T][D]) is the gradient to the block's output and becomes that to its input; those to
 * the projections' outputs go onto the tape. Gradients of small parameters are added at `vectors`, which mirrors
 * the parameters from model.vectors on.
 */
export function blockBackward(model: Model, block: Block, saved: Saved, tape: Tape, dx: usize, vectors: usize, row: u32, T: u32, work: Workspace): void {
  const D = model.D, C = model.heads * model.headWidth, F = model.F;
  const span = model.windowNorm ? T : 1;
  const dGates = rowOf(tape.dGates, row, 3 * C), dProj = rowOf(tape.dProj, row, D);
  const dUp = rowOf(tape.dUp, row, F), dDown = rowOf(tape.dDown, row, D);
  const dNorm = work.dNorm, dShift = work.dShift, dWide = work.dWide, scratch = work.scratch;
  const grad = vectors - model.vectors; // from a parameter's address to its gradient's
  const size: usize = <usize>(T * D) << 2;

  // x += ffn_down(relu(ffn_up b)^2)
  memory.copy(dDown, dx, size);
  ternaryForward(dUp, F, dDown, D, block.downCodesT, block.downScale, F, T, F, D, false, scratch);
  reluSquaredBackward(dUp, dUp, saved.up, T * F);
  ternaryForward(dShift, D, dUp, F, block.upCodesT, block.upScale, D, T, D, F, false, scratch);
  // b = shift(LayerNorm(x; ln2), mix2)
  shiftBackward(dNorm, grad + block.mix2, dShift, saved.norm2, block.mix2, work.row, T, D);
  layerNormBackward(dx, grad + block.ln2Weight, grad + block.ln2Bias, dNorm, saved.middle, saved.mean2, saved.rstd2, block.ln2Weight, T, D);
  // x += W_proj z
  memory.copy(dProj, dx, size);
  ternaryForward(dWide, C, dProj, D, block.projCodesT, block.projScale, C, T, C, D, false, scratch);
  // z = HeadNorm(o * h; gn)
  headNormBackward(dWide, grad + block.gnWeight, grad + block.gnBias, dWide, saved.gated, saved.headMean, saved.headRstd, block.gnWeight, T, model.heads, model.headWidth, span);
  // h = f * h_before + (1 - f) * v;  o * h
  recurrenceBackward(dGates, dWide, saved.hidden, saved.forget, saved.gates, work.row, T, C);
  // f, v, o
  gatesBackward(dGates, grad + block.forgetBias, saved.gates, block.forgetFloor, T, C);
  const third: usize = <usize>C << 2;
  ternaryForward(dShift, D, dGates, 3 * C, block.forgetCodesT, block.gatesScales, D, T, D, C, false, scratch);
  ternaryForward(dShift, D, dGates + third, 3 * C, block.valueCodesT, block.gatesScales + 4, D, T, D, C, true, scratch);
  ternaryForward(dShift, D, dGates + 2 * third, 3 * C, block.outputCodesT, block.gatesScales + 8, D, T, D, C, true, scratch);
  // a = shift(LayerNorm(x; ln1), mix1)
  shiftBackward(dNorm, grad + block.mix1, dShift, saved.norm1, block.mix1, work.row, T, D);
  layerNormBackward(dx, grad + block.ln1Weight, grad + block.ln1Bias, dNorm, saved.residual, saved.mean1, saved.rstd1, block.ln1Weight, T, D);
}

@inline
export function rowOf(matrix: usize, row: u32, width: u32): usize {
  return matrix + ((<usize>row * width) << 2);
}
