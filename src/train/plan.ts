import { Arena } from "../engine/arena.ts";
import type { ModelConfig } from "../engine/config.ts";
import type { Kernels } from "../engine/instance.ts";
import { type ModelPlan, planModel, ROW_GROUP, writeModelRecords } from "../engine/model-plan.ts";
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
  /** One int32 that is 0 until the step that runs is to end early. */
  readonly stop: number;
  readonly pages: number;
}

/** Plans a training run. @throws MemoryError if it does not fit into 4 GiB, saying what would. */
export function planTraining(kernels: Kernels, shape: TrainingShape): TrainingPlan {
  const { config, batch, workers } = shape;
  const arena = new Arena();
  const plan = layOut(arena, kernels, shape);
  const what = `training with batch ${batch} x ${config.seqLen} on ${workers} workers`;
  return { ...plan, pages: arena.pages(what, () => adviceFor(kernels, shape)) };
}

/** The largest batch that fits, else the most workers, else the longest sequence. */
function adviceFor(kernels: Kernels, shape: TrainingShape): string {
  const fits = (changes: { batch?: number; workers?: number; seqLen?: number }) => {
    const { seqLen = shape.config.seqLen, ...others } = changes;
    const arena = new Arena();
    layOut(arena, kernels, { ...shape, ...others, config: { ...shape.config, seqLen } });
    return arena.fits;
  };
  const sequences = largest(shape.batch, (batch) => batch === 0 || fits({ batch }));
  if (sequences > 0) return `the largest batch that fits is ${sequences} (--accumulate makes up for it)`;
  const threads = largest(shape.workers, (workers) => workers === 0 || fits({ batch: 1, workers }));
  if (threads > 0) return `with batch 1 the most workers that fit are ${threads}`;
  const tokens = largest(shape.config.seqLen, (seqLen) => seqLen === 0 || fits({ batch: 1, workers: 1, seqLen }));
  if (tokens > 0) return `the longest sequence that fits is ${tokens}, with batch 1 on one worker`;
  return "a smaller model would do";
}

/** The largest number from 0 to `most` for which something holds that holds for all smaller ones. */
function largest(most: number, holds: (value: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function layOut(arena: Arena, kernels: Kernels, shape: TrainingShape): Omit<TrainingPlan, "pages"> {
  const { config, batch, workers } = shape;
  const T = config.seqLen;
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
    stop: arena.reserve(4),
  };
}

/** Writes all records of a plan into a new memory. */
export function writeTrainingRecords(memory: WebAssembly.Memory, plan: TrainingPlan): void {
  writeModelRecords(memory, plan.model);
  for (const workspace of [...plan.workspaces, ...plan.scoring]) writeWorkspaceRecords(memory, workspace);
}
