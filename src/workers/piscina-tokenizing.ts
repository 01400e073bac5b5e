import type { Tokenizing, TokenizingJob } from "../corpus/tokenizing.ts";
import { piscinaPool } from "./piscina-pool.ts";

/**
 * Threads that tokenise stories.
 *
 * @param worker the built worker file; by default the one beside the bundle.
 */
export function piscinaTokenizing(
  job: TokenizingJob,
  threads: number,
  worker: URL = new URL("./tokenizing-worker.js", import.meta.url),
): Tokenizing {
  return piscinaPool(worker, threads, job);
}
