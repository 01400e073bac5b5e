import { workerData } from "piscina";
import { type CrewJob, type Share, shareRunner } from "../train/crew.ts";

const runShare = shareRunner(workerData as CrewJob);

/** What a thread of the pool does: its share of a phase. */
export default function work(share: Share): void {
  runShare(share);
}
