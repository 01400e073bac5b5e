import { denseForward } from "../dense/product";
import { quantizeRows, rowStride } from "../dense/quantize-rows";
import { intLogitsForward } from "../head/logits";
import { headLossBackward } from "../head/loss";
import { crossEntropyBackward } from "../layers/crossentropy";
import { embeddingForward, intEmbeddingForward } from "../layers/embedding";
import { layerNormBackward, layerNormForward } from "../layers/layernorm";
import { blockBackward, blockForward } from "./block";
import { Block, Model, Saved, Tape, Workspace } from "./layout";
import { blockStateBytes, stateBytes, stateKeep, stateRestore } from "./state";

/**
 * Embeds T tokens (int32 at `ids`), takes them through all blocks and the last norm; the features of the sequence in `slot` of the tape land in rows slot * T.. of work.features.
 *
 * `state` (see state.ts) is where a stream stands before these tokens and after them; 0 starts from nothing and keeps
 * nothing. A text cut into several calls gives the same bits as in one, so this is training's forward pass,
 * evaluation, the reading of a prompt and, with T = 1, decoding.
 */
export function modelForward(modelAt: usize, workAt: usize, ids: usize, slot: u32, T: u32, state: usize): void {
  forwardRows(changetype<Model>(modelAt), changetype<Workspace>(workAt), ids, slot, T, state, false);
}

/**
 * The next token of each of S streams at once (int32 at `ids`), which share the lanes of the kernels: as S times
 * modelForward with T = 1, and with the same bits. `states`: S states, end to end. Features land in rows 0..S-1 of
 * work.features. Not for windowNorm.
 */
export function modelDecode(modelAt: usize, workAt: usize, ids: usize, S: u32, states: usize): void {
  forwardRows(changetype<Model>(modelAt), changetype<Workspace>(workAt), ids, 0, S, states, true);
}

// T rows, which are one sequence (`states` is its state, or 0) or, in a `batch`, one token each of T streams
function forwardRows(model: Model, work: Workspace, ids: usize, slot: u32, T: u32, states: usize, batch: bool): void {
  if (T == 0) return;
  const L = model.L;
  const x = savedOf(work, 0).residual;
  if (model.integer) intEmbeddingForward(x, model.embedCodes, model.embedScales, ids, T, model.D);
  else embeddingForward(x, model.embed, ids, T, model.D);
  for (let l: u32 = 0; l < L; l++) {
    const saved = savedOf(work, l);
    const out = l + 1 < L ? savedOf(work, l + 1).residual : work.final;
    if (!batch) stateRestore(model, saved, states, l);
    const before = batch ? states + l * blockStateBytes(model) : 0;
    blockForward(model, blockOf(model, l), saved, tapeOf(work, l), out, slot, T, before, work);
    if (batch) for (let s: usize = 0; s < T; s++) stateKeep(model, saved, states + s * stateBytes(model), l, s);
    else if (states != 0) stateKeep(model, saved, states, l, T - 1);
  }
  layerNormForward(rowOf(work.features, slot * T, model.D), work.finalMean, work.finalRstd, work.final, model.lnOutWeight, model.lnOutBias, T, model.D);
}

/** logits[t] = features[row + t] . embed^T, [T][V]. */
export function logitsForward(modelAt: usize, workAt: usize, logits: usize, row: u32, T: u32): void {
  const model = changetype<Model>(modelAt), work = changetype<Workspace>(workAt);
  const features = rowOf(work.features, row, model.D);
  if (model.integer) intLogitsForward(logits, features, model.embedCodes, model.embedScales, T, model.V, model.D, work.scratch);
  else denseForward(logits, model.V, features, model.D, 1, model.headPanels, T, model.V, model.D, false, work.scratch);
}

/**
 * Forward and backward of one sequence, all but the gradients of the matrices: loss into `nats` (float64 a token),
 * gradients to the logits, to every projection's output and to the embedded tokens onto the tape, those of small
 * parameters into `vectors` (zeroed first; see blockBackward). `lossWeight` is 1 / the tokens that the loss averages;
 * `key` decides the random rounding, if there is any.
 */
export function modelBackward(
  modelAt: usize, workAt: usize, ids: usize, targets: usize, nats: usize, vectors: usize, vectorCount: u32,
  slot: u32, T: u32, lossWeight: f32, key: u32,
): void {
  const model = changetype<Model>(modelAt), work = changetype<Workspace>(workAt);
  const D = model.D;
  memory.fill(vectors, 0, <usize>vectorCount << 2);
  const row = slot * T;
  modelForward(modelAt, workAt, ids, slot, T, 0);
  lossBackward(model, work, targets, nats, slot, T, lossWeight);
  const dx = rowOf(work.dEmbedded, row, D);
  memory.fill(dx, 0, <usize>(T * D) << 2);
  const grad = vectors - model.vectors;
  layerNormBackward(dx, grad + model.lnOutWeight, grad + model.lnOutBias, work.dNorm, work.final, work.finalMean, work.finalRstd, model.lnOutWeight, T, D);
  for (let l = model.L; l-- > 0; ) {
    blockBackward(model, blockOf(model, l), l, savedOf(work, l), tapeOf(work, l), dx, vectors, slot, T, key, work);
  }
}

// loss, and its gradient to the features into work.dNorm
function lossBackward(model: Model, work: Workspace, targets: usize, nats: usize, slot: u32, T: u32, lossWeight: f32): void {
  const D = model.D, V = model.V;
  const row = slot * T;
  const features = rowOf(work.features, row, D);
  if (!model.integer) {
    const dLogits = rowOf(work.dLogits, row, V);
    denseForward(dLogits, V, features, D, 1, model.headPanels, T, V, D, false, work.scratch);
    crossEntropyBackward(nats, dLogits, targets, T, V, lossWeight);
    // dFeatures = dLogits . embed
    denseForward(work.dNorm, D, dLogits, V, 1, model.headPanelsT, T, D, V, false, work.scratch);
    return;
  }
  const q = work.headRows + <usize>row * rowStride(D), scales = rowOf(work.headScales, row, 1);
  quantizeRows(q, scales, features, T, D);
  headLossBackward(
    work.dNorm, nats, rowOf(work.headTops, row, 1), rowOf(work.headInverses, row, 1), q, scales,
    model.embedCodes, model.embedScales, targets, T, V, D, lossWeight, work.scratch,
  );
}

@inline
function blockOf(model: Model, l: usize): Block {
  return changetype<Block>(model.blocks + l * offsetof<Block>());
}

@inline
function savedOf(work: Workspace, l: usize): Saved {
  return changetype<Saved>(work.saved + l * offsetof<Saved>());
}

@inline
function tapeOf(work: Workspace, l: usize): Tape {
  return changetype<Tape>(work.tape + l * offsetof<Tape>());
}

@inline
function rowOf(matrix: usize, row: u32, width: u32): usize {
  return matrix + ((<usize>row * width) << 2);
}
