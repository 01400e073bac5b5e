import type { AnyCrewFactory, CrewJob, Share } from "../engine/crew.ts";
import { piscinaPool } from "./piscina-pool.ts";

/**
 * A crew of threads that share one memory and one compiled module. A phase is one task for each worker of the job; a
 * thread that dies ends the phase that runs, or the next one, with a WorkerError.
 *
 * @param worker the built worker file; by default the one beside the bundle.
 */
export function piscinaCrew(worker: URL = new URL("./worker.js", import.meta.url)): AnyCrewFactory {
  return <Job extends CrewJob, Phase, Result>(job: Job) => {
    const { workers } = job.shape;
    const { run, close } = piscinaPool<Share<Phase>, Result>(worker, workers, job);
    return {
      run: (phase: Phase): Promise<Result[]> =>
        Promise.all(Array.from({ length: workers }, (_, worker) => run({ phase, worker }))),
      close,
    };
  };
}
