import { workerData } from "piscina";
import type { Share } from "../engine/crew.ts";
import { type InferenceJob, inferenceShares } from "../inference/crew.ts";
import { type TrainingJob, trainingShares } from "../train/crew.ts";

const job: TrainingJob | InferenceJob = workerData;
const runShare: (share: Share<never>) => unknown = job.work === "training" ? trainingShares(job) : inferenceShares(job);

/** What a thread of the pool does: its share of a phase. */
export default function work(share: Share<never>): unknown {
  return runShare(share);
}
