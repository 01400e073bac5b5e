import { ROW_GROUP } from "../engine/model-plan.ts";
import { packParameter } from "../engine/pack.ts";
import { hash32 } from "../engine/random.ts";
import { Runner } from "../inference/runner.ts";
import { type ScoringJob, scoreStories } from "../inference/scoring.ts";
import { runGradients } from "./gradients.ts";
import { rowShare, type Station, stopped } from "./station.ts";

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
interface Update {
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

/** Does a worker's share of a phase. */
export function runPhase(station: Station, phase: Phase): void | Promise<void> {
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
      return runScore(station, phase.job);
  }
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

function runScore({ kernels, memory, plan, worker }: Station, job: ScoringJob): Promise<void> | undefined {
  const workspace = plan.scoring[worker];
  // workers beyond the batch have no place on the tape
  return workspace && scoreStories(new Runner(kernels, memory, plan.model, workspace), job);
}
