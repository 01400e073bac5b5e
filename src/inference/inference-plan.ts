import { Arena } from "../engine/arena.ts";
import type { ModelConfig } from "../engine/config.ts";
import type { Kernels } from "../engine/instance.ts";
import { type ModelPlan, planModel } from "../engine/model-plan.ts";
import { planTape, planWorkspace, type WorkspacePlan } from "../engine/workspace-plan.ts";

/** What fixes the memory of a loaded model. */
export interface InferenceShape {
  readonly config: ModelConfig;
  /** Tokens that one call can take. */
  readonly capacity: number;
  /** Workers that run it side by side. */
  readonly workers: number;
}

/** Addresses of a loaded model. A function of the shape alone, so every worker computes its own copy. */
export interface InferencePlan {
  readonly model: ModelPlan;
  /**
   * One for each worker of a crew and one for each lane of a scheduler, who may work at the same time; the last one
   * serves the calling thread. Where that does everything itself there is no other.
   */
  readonly workspaces: readonly WorkspacePlan[];
  readonly pages: number;
}

/** Plans a loaded model. @throws MemoryError if it does not fit into 4 GiB. */
export function planInference(kernels: Kernels, { config, capacity, workers }: InferenceShape): InferencePlan {
  const arena = new Arena();
  const model = planModel(arena, kernels, config, false);
  const workspaces = Array.from({ length: workers === 1 ? 1 : 2 * workers + 1 }, () => {
    const tape = planTape(arena, kernels, model, 1, capacity, false);
    return planWorkspace(arena, kernels, model, tape, capacity, false);
  });
  return { model, workspaces, pages: arena.pages("the model", () => "a smaller model, or fewer workers, would do") };
}

/** Which workspace serves a lane of a scheduler, 0..workers-1. */
export function laneWorkspace({ workers }: InferenceShape, lane: number): number {
  return workers === 1 ? 0 : workers + lane;
}
