import { workerData } from "piscina";
import type { Share } from "../engine/crew.ts";
import { type InferenceJob, inferenceShares } from "../inference/crew.ts";
import { type LaneJob, laneTurns } from "../inference/lane.ts";
import { type TrainingJob, trainingShares } from "../train/crew.ts";

const job: TrainingJob | InferenceJob | LaneJob = workerData;
const runShare: (share: Share<never>) => unknown = shares();

function shares() {
  switch (job.work) {
    case "training":
      return trainingShares(job);
    case "inference":
      return inferenceShares(job);
    case "lane":
      return laneTurns(job);
  }
}

/** What a thread of the pool does: its share of a phase. */
export default function work(share: Share<never>): unknown {
  return runShare(share);
}
