import type { ShareRunner } from "../engine/crew.ts";
import { type InferenceJob, inferenceShares } from "../inference/crew.ts";
import { type LaneJob, laneTurns } from "../inference/lane.ts";
import { type TrainingJob, trainingShares } from "../train/crew.ts";

/** What a worker does, of whatever job it is given: the same in a thread of Node and in a browser's worker. */
export function sharesOf(job: TrainingJob | InferenceJob | LaneJob): ShareRunner<never, unknown> {
  switch (job.work) {
    case "training":
      return trainingShares(job);
    case "inference":
      return inferenceShares(job);
    case "lane":
      return laneTurns(job);
  }
}
