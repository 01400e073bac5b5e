import { type ModelPlan, type PlacedParameter, ROW_GROUP } from "../engine/model-plan.ts";
import type { TrainingPlan } from "./plan.ts";
import { rowShare, type Station, stopped } from "./station.ts";

/**
 * A worker's share of the gradients of weights and of their squares: rows of every parameter, over all tokens in order.
 * `lossWeight` is 1 / the tokens that the loss averages; with `accumulate` the gradients are added to.
 */
export function runGradients(station: Station, lossWeight: number, accumulate: boolean): void {
  const { kernels, plan, worker } = station;
  const { model, shape, tape } = plan;
  const { dModel: D, vocabSize: V } = shape.config;
  const tokens = shape.batch * shape.config.seqLen;
  const scratch = plan.workspaces[worker].record.scratch;
  // the head computes its logits again and has exponentials to take
  const workOf = ({ kind }: PlacedParameter) => (kind === "embedding" && model.head.kind === "int8" ? 2.5 : 1);
  for (const { index, from, to } of rowShare(plan, worker, workOf)) {
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
