import { Arena } from "../engine/arena.ts";
import type { ModelConfig } from "../engine/config.ts";
import { type ModelPlan, planModel, ROW_GROUP, writeModelRecords } from "../engine/model-plan.ts";
import type { Kernels } from "../engine/module.ts";
import {
  planScoring,
  planTape,
  planWorkspace,
  type TapePlan,
  type WorkspacePlan,
  writeWorkspaceRecords,
} from "../engine/workspace-plan.ts";

/** What fixes the memory of a training run. */
export interface TrainingShape {
  readonly config: ModelConfig;
  /** B: sequences in a micro-batch. */
  readonly batch: number;
  readonly workers: number;
}

/** Addresses of everything that training needs. A function of the shape alone, so every worker computes its own copy. */
export interface TrainingPlan {
  readonly shape: TrainingShape;
  readonly model: ModelPlan;
  /** From the address of a weight to those of its gradient and moments. */
  readonly gradient: number;
  readonly momentM: number;
  readonly momentV: number;
  readonly tape: TapePlan;
  readonly workspaces: readonly WorkspacePlan[];
  /** For forward passes between steps: as many of the workspaces as there are slots on the tape. */
  readonly scoring: readonly WorkspacePlan[];
  /** B T ids, and as many targets, int32. */
  readonly ids: number;
  readonly targets: number;
  /** B T float64. */
  readonly nats: number;
  /** Gradients of the vectors, one copy a sequence. */
  readonly sequenceVectors: number;
  /** One float64 for each group of 16 rows of each parameter: sums of squared gradients, sums of |weights|. */
  readonly groups: readonly { readonly first: number; readonly count: number }[];
  readonly squares: number;
  readonly absolutes: number;
  readonly pages: number;
}

/** Plans a training run. @throws MemoryError if it does not fit into 4 GiB. */
export function planTraining(kernels: Kernels, shape: TrainingShape): TrainingPlan {
  const { config, batch, workers } = shape;
  const T = config.seqLen;
  const arena = new Arena();
  const model = planModel(arena, kernels, config, true);
  const mirror = () => arena.reserve(model.weightBytes) - model.weights;
  let first = 0;
  const groups = model.parameters.map(({ rows }) => {
    const count = Math.ceil(rows / ROW_GROUP);
    first += count;
    return { first: first - count, count };
  });
  const gradient = mirror();
  const momentM = mirror();
  const momentV = mirror();
  const tape = planTape(arena, kernels, model, batch, T, true);
  const workspaces = Array.from({ length: workers }, () => planWorkspace(arena, kernels, model, tape, T, true));
  return {
    shape,
    model,
    gradient,
    momentM,
    momentV,
    tape,
    workspaces,
    scoring: workspaces.slice(0, batch).map((workspace, slot) => planScoring(arena, kernels, model, workspace, slot)),
    ids: arena.reserve(batch * T * 4),
    targets: arena.reserve(batch * T * 4),
    nats: arena.reserve(batch * T * 8),
    sequenceVectors: arena.floats(batch * model.vectorCount),
    groups,
    squares: arena.reserve(first * 8),
    absolutes: arena.reserve(first * 8),
    pages: arena.pages(`training with batch ${batch} x ${T} on ${workers} workers`),
  };
}

/** Writes all records of a plan into a new memory. */
export function writeTrainingRecords(memory: WebAssembly.Memory, plan: TrainingPlan): void {
  writeModelRecords(memory, plan.model);
  for (const workspace of [...plan.workspaces, ...plan.scoring]) writeWorkspaceRecords(memory, workspace);
}
