import { gatesBackward, gatesForward } from "../layers/gates";
import { headNormBackward, headNormForward } from "../layers/headnorm";
import { layerNormBackward, layerNormForward } from "../layers/layernorm";
import { recurrenceBackward, recurrenceForward } from "../layers/recurrence";
import { reluSquaredBackward, reluSquaredForward } from "../layers/relu-squared";
import { residualForward } from "../layers/residual";
import { shiftBackward, shiftForward } from "../layers/shift";
import { Block, Model, Saved, Tape, Workspace } from "./layout";
import {
  gradientPlace, inputPlace, keepGradient, Projection, projectBackward, projectForward, projectionKey,
} from "./projection";
import { stateBytes } from "./state";

/**
 * One block over T tokens, line by line as in MODEL.md: x from saved.residual to `out` (which may be the same).
 * `slot` is the place of the sequence on the tape.
 *
 * The row before each: `states` 0 takes it from the row ahead in memory, as in one sequence; else the rows are the next
 * tokens of T streams, and it comes from the state of each, of which `states` is this block's part of the first.
 */
export function blockForward(
  model: Model, block: Block, saved: Saved, tape: Tape, out: usize, slot: u32, T: u32, states: usize, work: Workspace,
): void {
  const D = model.D, C = model.heads * model.headWidth, F = model.F;
  const span = model.windowNorm ? T : 1;
  const a = inputPlace(model, work, tape.gatesInput, slot, T, D), z = inputPlace(model, work, tape.projInput, slot, T, C);
  const b = inputPlace(model, work, tape.upInput, slot, T, D), u = inputPlace(model, work, tape.downInput, slot, T, F);
  const rowD: usize = <usize>D << 2, rowC: usize = <usize>C << 2;
  const before1 = states ? states : saved.norm1 - rowD, before2 = states ? states + rowD : saved.norm2 - rowD;
  const hiddenBefore = states ? states + 2 * rowD : saved.hidden - rowC;
  const stepD = states ? stateBytes(model) : rowD, stepC = states ? stateBytes(model) : rowC;

  // a = shift(LayerNorm(x; ln1), mix1)
  layerNormForward(saved.norm1, saved.mean1, saved.rstd1, saved.residual, block.ln1Weight, block.ln1Bias, T, D);
  shiftForward(a, saved.norm1, before1, block.mix1, work.row, stepD, T, D);
  // f, v, o
  projectForward(model, work, saved.gates, tape.gatesInput, slot, T, 3 * C, D, block.gatesCodes, block.gatesScales, C);
  gatesForward(saved.forget, saved.gates, block.forgetBias, block.forgetFloor, T, C);
  // h = f * h_before + (1 - f) * v;  o * h
  recurrenceForward(saved.hidden, saved.gated, saved.forget, saved.gates, hiddenBefore, stepC, T, C);
  // z = HeadNorm(o * h; gn)
  headNormForward(z, saved.headMean, saved.headRstd, saved.gated, block.gnWeight, block.gnBias, T, model.heads, model.headWidth, span);
  // x += W_proj z
  projectForward(model, work, work.dNorm, tape.projInput, slot, T, D, C, block.projCodes, block.projScale, D);
  residualForward(saved.middle, saved.residual, work.dNorm, T * D);
  // b = shift(LayerNorm(x; ln2), mix2)
  layerNormForward(saved.norm2, saved.mean2, saved.rstd2, saved.middle, block.ln2Weight, block.ln2Bias, T, D);
  shiftForward(b, saved.norm2, before2, block.mix2, work.row, stepD, T, D);
  // x += ffn_down(relu(ffn_up b)^2)
  projectForward(model, work, saved.up, tape.upInput, slot, T, F, D, block.upCodes, block.upScale, F);
  reluSquaredForward(u, saved.up, T * F);
  projectForward(model, work, work.dNorm, tape.downInput, slot, T, D, F, block.downCodes, block.downScale, D);
  residualForward(out, saved.middle, work.dNorm, T * D);
}

/**
 * The same, backwards. `dx` ([T][D]) is the gradient to the block's output and becomes that to its input; those to
 * the projections' outputs go onto the tape. Gradients of small parameters are added at `vectors`, which mirrors
 * the parameters from model.vectors on. `key` decides the random rounding of block `l` in this sequence.
 */
export function blockBackward(
  model: Model, block: Block, l: u32, saved: Saved, tape: Tape, dx: usize, vectors: usize, slot: u32, T: u32, key: u32, work: Workspace,
): void {
  const D = model.D, C = model.heads * model.headWidth, F = model.F;
  const span = model.windowNorm ? T : 1;
  const dNorm = work.dNorm, dShift = work.dShift, dWide = work.dWide;
  const grad = vectors - model.vectors; // from a parameter's address to its gradient's

  // x += ffn_down(relu(ffn_up b)^2)
  keepGradient(model, work, tape.dDown, tape.downInput, slot, dx, T, D, F, projectionKey(key, l, Projection.down));
  const dUp = gradientPlace(model, work, tape.dUp, slot, T, F);
  projectBackward(model, work, dUp, dx, D, T, D, F, block.downCodesT, block.downScale, false);
  reluSquaredBackward(dUp, dUp, saved.up, T * F);
  keepGradient(model, work, tape.dUp, tape.upInput, slot, dUp, T, F, D, projectionKey(key, l, Projection.up));
  projectBackward(model, work, dShift, dUp, F, T, F, D, block.upCodesT, block.upScale, false);
  // b = shift(LayerNorm(x; ln2), mix2)
  shiftBackward(dNorm, grad + block.mix2, dShift, saved.norm2, block.mix2, work.row, T, D);
  layerNormBackward(dx, grad + block.ln2Weight, grad + block.ln2Bias, dNorm, saved.middle, saved.mean2, saved.rstd2, block.ln2Weight, T, D);
  // x += W_proj z
  keepGradient(model, work, tape.dProj, tape.projInput, slot, dx, T, D, C, projectionKey(key, l, Projection.proj));
  projectBackward(model, work, dWide, dx, D, T, D, C, block.projCodesT, block.projScale, false);
  // z = HeadNorm(o * h; gn)
  headNormBackward(dWide, grad + block.gnWeight, grad + block.gnBias, dWide, saved.gated, saved.headMean, saved.headRstd, block.gnWeight, T, model.heads, model.headWidth, span);
  // h = f * h_before + (1 - f) * v;  o * h
  const dGates = gradientPlace(model, work, tape.dGates, slot, T, 3 * C);
  recurrenceBackward(dGates, dWide, saved.hidden, saved.forget, saved.gates, work.row, T, C);
  // f, v, o
  gatesBackward(dGates, grad + block.forgetBias, saved.gates, block.forgetFloor, T, C);
  keepGradient(model, work, tape.dGates, tape.gatesInput, slot, dGates, T, 3 * C, D, projectionKey(key, l, Projection.gates));
  const third: usize = <usize>C << 2;
  projectBackward(model, work, dShift, dGates, 3 * C, T, C, D, block.forgetCodesT, block.gatesScales, false);
  projectBackward(model, work, dShift, dGates + third, 3 * C, T, C, D, block.valueCodesT, block.gatesScales + 4, true);
  projectBackward(model, work, dShift, dGates + 2 * third, 3 * C, T, C, D, block.outputCodesT, block.gatesScales + 8, true);
  // a = shift(LayerNorm(x; ln1), mix1)
  shiftBackward(dNorm, grad + block.mix1, dShift, saved.norm1, block.mix1, work.row, T, D);
  layerNormBackward(dx, grad + block.ln1Weight, grad + block.ln1Bias, dNorm, saved.residual, saved.mean1, saved.rstd1, block.ln1Weight, T, D);
}
