import * as layout from "../../wasm-build/layout.ts";
import type { Arena } from "./arena.ts";
import type { Kernels } from "./instance.ts";
import type { ModelPlan } from "./model-plan.ts";
import { type RecordValues, recordBytes, writeRecord } from "./records.ts";

/**
 * Tokens whose logits exist at once outside of training; so also the streams that go through the model at once, at
 * most. They fill the widest lanes.
 */
export const LOGIT_ROWS = 32;

/** Where inputs and output gradients of the projections go, one entry a block, and what the head needs. */
export interface TapePlan {
  readonly blocks: readonly RecordValues<typeof layout.Tape>[];
  readonly features: number;
  readonly dEmbedded: number;
  /** The head's part: gradients to all logits in float32; in int8 what the logits can be computed from again. */
  readonly dLogits: number;
  readonly headRows: number;
  readonly headScales: number;
  readonly headTops: number;
  readonly headInverses: number;
}

/** One worker's memory. */
export interface WorkspacePlan {
  /** Tokens that fit, T. */
  readonly capacity: number;
  /** The Workspace record. */
  readonly address: number;
  readonly saved: readonly RecordValues<typeof layout.Saved>[];
  readonly tape: TapePlan;
  readonly record: RecordValues<typeof layout.Workspace>;
  /** capacity ids, and as many targets, int32. */
  readonly ids: number;
  readonly targets: number;
  /** capacity float64. */
  readonly nats: number;
  /** Streams that one call of modelDecode takes, S: at most LOGIT_ROWS and T; one when training. */
  readonly batch: number;
  /** A state for each of them, float32. */
  readonly states: number;
  /** LOGIT_ROWS x V float32. */
  readonly logits: number;
}

/** Float32 numbers in a stream's state: [L][D + D + C]. */
export function stateCount(plan: ModelPlan): number {
  return plan.config.nLayers * (2 * plan.config.dModel + plan.recurrentWidth);
}

/**
 * Reserves a tape for `slots` sequences of up to T tokens. When training every block has one, and it holds a whole
 * micro-batch; for inference all blocks share one, without gradients.
 */
export function planTape(
  arena: Arena,
  kernels: Kernels,
  plan: ModelPlan,
  slots: number,
  T: number,
  training: boolean,
): TapePlan {
  const { dModel: D, dFfn: F, nLayers: L, vocabSize: V, activations } = plan.config;
  const C = plan.recurrentWidth;
  const integer = activations === "int8";
  const input = (width: number) => arena.reserve(slots * (kernels.inputSlotBytes(T, width, integer) >>> 0));
  const gradient = (width: number) =>
    training ? arena.reserve(slots * (kernels.gradientSlotBytes(T, width, integer) >>> 0)) : 0;
  const block = () => ({
    gatesInput: input(D),
    projInput: input(C),
    upInput: input(D),
    downInput: input(F),
    dGates: gradient(3 * C),
    dProj: gradient(D),
    dUp: gradient(F),
    dDown: gradient(D),
  });
  const shared = training ? undefined : block();
  return {
    blocks: Array.from({ length: L }, () => shared ?? block()),
    features: arena.floats(slots * T * D),
    dEmbedded: training ? arena.floats(slots * T * D) : 0,
    dLogits: training && !integer ? arena.floats(slots * T * V) : 0,
    headRows: training && integer ? arena.reserve(slots * T * (kernels.rowStride(D) >>> 0)) : 0,
    headScales: training && integer ? arena.floats(slots * T) : 0,
    headTops: training && integer ? arena.floats(slots * T) : 0,
    headInverses: training && integer ? arena.floats(slots * T) : 0,
  };
}

/** Reserves a workspace for sequences of up to `capacity` tokens. */
export function planWorkspace(
  arena: Arena,
  kernels: Kernels,
  plan: ModelPlan,
  tape: TapePlan,
  capacity: number,
  training: boolean,
): WorkspacePlan {
  const { dModel: D, dFfn: F, nLayers: L, nHeads, vocabSize: V } = plan.config;
  const C = plan.recurrentWidth;
  const batch = training ? 1 : Math.min(LOGIT_ROWS, capacity);
  const rows = (width: number) => arena.floats(capacity * width);
  // one row more, in front: the token before the first
  const rowsAfterOne = (width: number) => arena.floats((capacity + 1) * width) + width * 4;
  const saved = () => ({
    residual: rows(D),
    mean1: rows(1),
    rstd1: rows(1),
    norm1: rowsAfterOne(D),
    gates: rows(3 * C),
    forget: rows(C),
    hidden: rowsAfterOne(C),
    gated: rows(C),
    headMean: rows(nHeads),
    headRstd: rows(nHeads),
    middle: rows(D),
    mean2: rows(1),
    rstd2: rows(1),
    norm2: rowsAfterOne(D),
    up: rows(F),
  });
  const shared = training ? undefined : saved();
  const blocks = Array.from({ length: L }, () => shared ?? saved());
  const products: readonly (readonly [outputs: number, inputs: number])[] = [
    [3 * C, D],
    [D, C],
    [C, D],
    [F, D],
    [D, F],
  ];
  const integer = plan.config.activations === "int8";
  const widest = Math.max(3 * C, D, F);
  const stride = kernels.slotStride(capacity) >>> 0;
  const headScratch = integer
    ? [
        kernels.intLogitsScratchBytes(V, D),
        ...(training ? [kernels.headLossScratchBytes(V, D), kernels.headGradientScratchBytes(D)] : []),
      ]
    : [];
  const scratch = Math.max(
    ...headScratch.map((bytes) => bytes >>> 0),
    kernels.denseScratchBytes(),
    ...products.map(([outputs, inputs]) => kernels.intTernaryScratchBytes(outputs, inputs) >>> 0),
    ...(training ? [kernels.intWeightGradientScratchBytes(stride) >>> 0] : []),
    ...products.map(([outputs, inputs]) => kernels.ternaryScratchBytes(outputs, inputs) >>> 0),
    ...(training ? [D, C, F].map((inputs) => kernels.weightGradientScratchBytes(inputs) >>> 0) : []),
  );
  const record = {
    saved: arena.reserve(L * recordBytes(layout.Saved)),
    tape: arena.reserve(L * recordBytes(layout.Tape)),
    final: rows(D),
    finalMean: rows(1),
    finalRstd: rows(1),
    features: tape.features,
    dEmbedded: tape.dEmbedded,
    dLogits: tape.dLogits,
    headRows: tape.headRows,
    headScales: tape.headScales,
    headTops: tape.headTops,
    headInverses: tape.headInverses,
    dNorm: rows(D),
    dShift: training ? rows(D) : 0,
    dWide: training ? rows(Math.max(C, D)) : 0,
    activation: integer ? rows(widest) : 0,
    quantized: integer && training ? arena.reserve(kernels.inputSlotBytes(capacity, Math.max(C, D, F), true) >>> 0) : 0,
    row: arena.floats(widest),
    scratch: arena.reserve(scratch),
  };
  return {
    capacity,
    address: arena.reserve(recordBytes(layout.Workspace)),
    saved: blocks,
    tape,
    record,
    ids: arena.reserve(capacity * 4),
    targets: arena.reserve(capacity * 4),
    nats: arena.reserve(capacity * 8),
    batch,
    states: arena.floats(batch * stateCount(plan)),
    logits: arena.floats(Math.min(LOGIT_ROWS, capacity) * V),
  };
}

/**
 * The same workspace with one slot of a training tape as its whole tape: for forward passes between steps, in which
 * every worker reads texts of any length without touching what another's slot holds.
 */
export function planScoring(
  arena: Arena,
  kernels: Kernels,
  plan: ModelPlan,
  workspace: WorkspacePlan,
  slot: number,
): WorkspacePlan {
  const { dModel: D, dFfn: F, activations } = plan.config;
  const T = workspace.capacity;
  const moved = (address: number, width: number) =>
    address + slot * (kernels.inputSlotBytes(T, width, activations === "int8") >>> 0);
  const blocks = workspace.tape.blocks.map((block) => ({
    ...block,
    gatesInput: moved(block.gatesInput, D),
    projInput: moved(block.projInput, plan.recurrentWidth),
    upInput: moved(block.upInput, D),
    downInput: moved(block.downInput, F),
  }));
  const features = workspace.tape.features + slot * T * D * 4;
  return {
    ...workspace,
    address: arena.reserve(recordBytes(layout.Workspace)),
    tape: { ...workspace.tape, blocks, features },
    record: { ...workspace.record, tape: arena.reserve(blocks.length * recordBytes(layout.Tape)), features },
  };
}

/** Writes the records through which the kernels find a workspace. */
export function writeWorkspaceRecords(memory: WebAssembly.Memory, plan: WorkspacePlan): void {
  writeRecord(memory, plan.address, layout.Workspace, plan.record);
  plan.saved.forEach((values, l) => {
    writeRecord(memory, plan.record.saved + l * recordBytes(layout.Saved), layout.Saved, values);
  });
  plan.tape.blocks.forEach((values, l) => {
    writeRecord(memory, plan.record.tape + l * recordBytes(layout.Tape), layout.Tape, values);
  });
}
