import { Piscina } from "piscina";
import type { CrewFactory, Share } from "../train/crew.ts";

/**
 * A crew of threads: a piscina pool whose workers share one memory and one compiled module. A phase is one task for
 * each worker of the job; a thread that dies rejects its task.
 *
 * @param worker the built worker file; by default the one beside the bundle.
 */
export function piscinaCrew(worker: URL = new URL("./worker.js", import.meta.url)): CrewFactory {
  return (job) => {
    const pool = new Piscina<Share, void>({
      filename: worker.href,
      minThreads: job.shape.workers,
      maxThreads: job.shape.workers,
      workerData: job,
    });
    return {
      run: async (phase) => {
        await Promise.all(Array.from({ length: job.shape.workers }, (_, worker) => pool.run({ phase, worker })));
      },
      close: () => pool.destroy(),
    };
  };
}
