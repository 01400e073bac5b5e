import { type ModelPlan, type PlacedParameter, ROW_GROUP } from "../engine/model-plan.ts";
import type { Kernels } from "../engine/module.ts";
import { packParameter } from "../engine/pack.ts";
import { hash32 } from "../engine/random.ts";
import { Runner } from "../inference/runner.ts";
import { type ScoringJob, scoreStories } from "../inference/scoring.ts";
import type { TrainingPlan } from "./plan.ts";

/**
 * A training step is a row of phases; in each, every worker does its share and writes what no other writes. A phase
 * is a plain description, so that the same step runs on a pool, on web workers or in place, with the same bits.
 */
export type Phase =
  /** Forward, and backward to the activations: whole sequences. */
  | { readonly kind: "sequences"; readonly lossWeight: number; readonly key: number }
  /** Gradients of weights, and their squares: rows of every parameter, over all tokens in order. */
  | { readonly kind: "gradients"; readonly lossWeight: number; readonly accumulate: boolean }
  /** AdamW: rows of every parameter. */
  | ({ readonly kind: "update" } & Update)
  /** Quantise and pack the new weights: rows of every parameter. */
  | { readonly kind: "pack" }
  /** Score stories with the model as it stands: whole stories, to whoever is free. */
  | { readonly kind: "score"; readonly job: ScoringJob };

/** The numbers of one AdamW step; see adamw.ts. */
export interface Update {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** 1 - beta^step. */
  readonly correction1: number;
  readonly correction2: number;
  /** What the gradients are multiplied by. */
  readonly clip: number;
}

/** One worker's view of a run: its own instance of the kernels on the shared memory. */
export interface Station {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  readonly plan: TrainingPlan;
  /** 0..workers-1. */
  readonly worker: number;
}

/** Does a worker's share of a phase. */
export function runPhase(station: Station, phase: Phase): void {
  switch (phase.kind) {
    case "sequences":
      runSequences(station, phase.lossWeight, phase.key);
      break;
    case "gradients":
      runGradients(station, phase.lossWeight, phase.accumulate);
      break;
    case "update":
      runUpdate(station, phase);
      break;
    case "pack":
      runPack(station);
      break;
    case "score":
      runScore(station, phase.job);
      break;
  }
}

/** Whether the step is to end: what it has computed so far will not be used. */
function stopped({ memory, plan }: Station): boolean {
  return Atomics.load(new Int32Array(memory.buffer, plan.stop, 1), 0) !== 0;
}

function runSequences(station: Station, lossWeight: number, key: number): void {
  const { kernels, plan, worker } = station;
  const { model, shape } = plan;
  const T = shape.config.seqLen;
  const [from, to] = [worker, worker + 1].map((w) => Math.floor((shape.batch * w) / shape.workers));
  for (let sequence = from; sequence < to && !stopped(station); sequence++) {
    const row = sequence * T;
    const vectors = plan.sequenceVectors + sequence * model.vectorCount * 4;
    kernels.modelBackward(
      model.model,
      plan.workspaces[worker].address,
      plan.ids + row * 4,
      plan.targets + row * 4,
      plan.nats + row * 8,
      vectors,
      model.vectorCount,
      sequence,
      T,
      lossWeight,
      hash32(sequence, key),
    );
  }
}

function runGradients(station: Station, lossWeight: number, accumulate: boolean): void {
  const { kernels, plan, worker } = station;
  const { model, shape, tape } = plan;
  const { dModel: D, vocabSize: V } = shape.config;
  const tokens = shape.batch * shape.config.seqLen;
  const scratch = plan.workspaces[worker].record.scratch;
  for (const { index, from, to } of rowShare(plan, worker)) {
    if (stopped(station)) return;
    const parameter = model.parameters[index];
    const { address, rows, columns } = parameter;
    const gradient = address + plan.gradient + from * columns * 4;
    if (parameter.kind === "embedding") {
      if (model.head.kind === "int8") {
        headGradients(station, model.head, parameter, from, to, lossWeight, accumulate);
      } else {
        const dy = tape.dLogits + from * 4;
        kernels.weightGradient(gradient, dy, V, tape.features, tokens, to - from, columns, accumulate, scratch);
      }
      kernels.embeddingBackward(address + plan.gradient, tape.dEmbedded, plan.ids, tokens, D, from, to - from);
    } else if (parameter.kind === "vector") {
      const parts = plan.sequenceVectors + (address - model.vectors);
      kernels.sumParts(gradient, parts, shape.batch, model.vectorCount, columns, accumulate);
    } else if (shape.config.activations === "float32") {
      const { dy, dyWidth, firstOutput, x } = projectionTape(plan, parameter.name);
      const column = dy + (firstOutput + from) * 4;
      kernels.weightGradient(gradient, column, dyWidth, x, tokens, to - from, columns, accumulate, scratch);
    } else {
      integerGradients(station, parameter, from, to, accumulate);
    }
    const squares = new Float64Array(
      station.memory.buffer,
      plan.squares,
      plan.groups[index].first + plan.groups[index].count,
    );
    for (let row = from; row < to; row += ROW_GROUP) {
      const count = Math.min(ROW_GROUP, rows - row) * columns;
      squares[plan.groups[index].first + row / ROW_GROUP] = kernels.sumOfSquares(
        address + plan.gradient + row * columns * 4,
        count,
      );
    }
  }
}

/** Rows of a ternary matrix's gradient that stay in a second-level cache while all sequences are added to them. */
const ROW_BLOCK = 64;

/** The gradient of rows [from, to) of a ternary matrix from the int8 tape: sequence after sequence, in order. */
function integerGradients(
  { kernels, plan, worker }: Station,
  parameter: PlacedParameter,
  from: number,
  to: number,
  accumulate: boolean,
): void {
  const { batch, config } = plan.shape;
  const { address, columns, name } = parameter;
  const T = config.seqLen;
  const { dy, dyWidth, firstOutput, x } = projectionTape(plan, name);
  const stride = kernels.slotStride(T) >>> 0;
  const dySlot = kernels.gradientSlotBytes(T, dyWidth, true) >>> 0;
  const xSlot = kernels.inputSlotBytes(T, columns, true) >>> 0;
  const scales = dy + (kernels.scalesOffset(T, dyWidth) >>> 0);
  for (let row = from; row < to; row += ROW_BLOCK) {
    const output = firstOutput + row;
    for (let sequence = 0; sequence < batch; sequence++) {
      kernels.intWeightGradient(
        address + plan.gradient + row * columns * 4,
        dy + sequence * dySlot + output * stride,
        scales + sequence * dySlot + output * 4,
        x + sequence * xSlot,
        stride,
        T,
        Math.min(ROW_BLOCK, to - row),
        columns,
        accumulate || sequence > 0,
        plan.workspaces[worker].record.scratch,
      );
    }
  }
}

/** The gradient of rows [from, to) of the embedding as the int8 head: sequence after sequence, in order. */
function headGradients(
  { kernels, plan, worker }: Station,
  head: Extract<ModelPlan["head"], { kind: "int8" }>,
  { address, columns: D }: PlacedParameter,
  from: number,
  to: number,
  lossWeight: number,
  accumulate: boolean,
): void {
  const { tape } = plan;
  const { batch, config } = plan.shape;
  const T = config.seqLen;
  for (let sequence = 0; sequence < batch; sequence++) {
    const row = sequence * T;
    kernels.headWeightGradient(
      address + plan.gradient + from * D * 4,
      head.codes + from * head.rowBytes,
      head.scales + from * 4,
      from,
      to - from,
      tape.headRows + row * head.rowBytes,
      tape.headScales + row * 4,
      tape.headTops + row * 4,
      tape.headInverses + row * 4,
      plan.targets + row * 4,
      T,
      D,
      lossWeight,
      accumulate || sequence > 0,
      plan.workspaces[worker].record.scratch,
    );
  }
}

/** Where the output gradients and inputs of a ternary matrix are on the tape: the first slot of each. */
function projectionTape(
  plan: TrainingPlan,
  name: string,
): { dy: number; dyWidth: number; firstOutput: number; x: number } {
  const [, l, projection] = /^blocks\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  const block = plan.tape.blocks[Number(l)];
  const { dModel: D, dFfn: F } = plan.shape.config;
  const C = plan.model.recurrentWidth;
  const stacked = (index: number) => ({
    dy: block.dGates,
    dyWidth: 3 * C,
    firstOutput: index * C,
    x: block.gatesInput,
  });
  switch (projection) {
    case "rec.W_f":
      return stacked(0);
    case "rec.W_v":
      return stacked(1);
    case "rec.W_o":
      return stacked(2);
    case "rec.W_proj":
      return { dy: block.dProj, dyWidth: D, firstOutput: 0, x: block.projInput };
    case "ffn_up":
      return { dy: block.dUp, dyWidth: F, firstOutput: 0, x: block.upInput };
    case "ffn_down":
      return { dy: block.dDown, dyWidth: D, firstOutput: 0, x: block.downInput };
    default:
      throw new Error(`${name} is no projection`);
  }
}

function runUpdate({ kernels, memory, plan, worker }: Station, update: Update): void {
  const { lr, beta1, beta2, eps, weightDecay, correction1, correction2, clip } = update;
  for (const { index, from, to } of rowShare(plan, worker)) {
    const { address, rows, columns } = plan.model.parameters[index];
    const { first, count: groupCount } = plan.groups[index];
    const absolutes = new Float64Array(memory.buffer, plan.absolutes, first + groupCount);
    for (let row = from; row < to; row += ROW_GROUP) {
      const at = address + row * columns * 4;
      const count = Math.min(ROW_GROUP, rows - row) * columns;
      absolutes[first + row / ROW_GROUP] = kernels.adamwUpdate(
        at,
        at + plan.gradient,
        at + plan.momentM,
        at + plan.momentV,
        count,
        lr,
        beta1,
        beta2,
        eps,
        weightDecay,
        correction1,
        correction2,
        clip,
      );
    }
  }
}

function runPack({ kernels, memory, plan, worker }: Station): void {
  for (const { index, from, to } of rowShare(plan, worker)) {
    const parameter = plan.model.parameters[index];
    let scale = 0;
    if (parameter.ternary) {
      const { first, count } = plan.groups[index];
      const sum = new Float64Array(memory.buffer, plan.absolutes + first * 8, count).reduce((a, b) => a + b, 0);
      scale = kernels.ternaryScale(sum, parameter.count);
      if (from === 0) new Float32Array(memory.buffer, parameter.ternary.scale, 1)[0] = scale;
    }
    packParameter(kernels, plan.model, parameter, from, to, scale);
  }
}

function runScore({ kernels, memory, plan, worker }: Station, job: ScoringJob): void {
  const workspace = plan.scoring[worker];
  // workers beyond the batch have no place on the tape
  if (workspace) scoreStories(new Runner(kernels, memory, plan.model, workspace), job);
}

/**
 * A worker's share of all rows of all parameters: about equally many numbers for each, cut at multiples of 16 rows.
 */
export function rowShare(plan: TrainingPlan, worker: number): { index: number; from: number; to: number }[] {
  const { parameters } = plan.model;
  const total = parameters.reduce((sum, { count }) => sum + count, 0);
  const [low, high] = [worker, worker + 1].map((w) => (total * w) / plan.shape.workers);
  const share: { index: number; from: number; to: number }[] = [];
  let before = 0;
  parameters.forEach(({ rows, columns, count }, index) => {
    const rowAt = (position: number) => {
      const row = Math.ceil((position - before) / columns / ROW_GROUP) * ROW_GROUP;
      return Math.min(rows, Math.max(0, row));
    };
    const [from, to] = [rowAt(low), rowAt(high)];
    before += count;
    if (from < to) share.push({ index, from, to });
  });
  return share;
}
