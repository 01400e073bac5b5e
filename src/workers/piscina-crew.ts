import type { AnyCrewFactory, CrewJob, Share } from "../engine/crew.ts";
import { WorkerError } from "../engine/errors.ts";

/**
 * A crew of threads: a piscina pool whose workers share one memory and one compiled module. A phase is one task for
 * each worker of the job. Whatever ends a thread before the crew is closed ends the phase that runs, or the next one,
 * with a WorkerError: what the thread left half done cannot be trusted.
 *
 * @param worker the built worker file; by default the one beside the bundle.
 */
export function piscinaCrew(worker: URL = new URL("./worker.js", import.meta.url)): AnyCrewFactory {
  return <Job extends CrewJob, Phase, Result>(job: Job) => {
    const starting = startPool<Phase, Result>(worker, job);
    // whoever runs a phase hears of it
    starting.catch(() => {});
    return {
      run: async (phase: Phase): Promise<Result[]> => {
        try {
          const { pool, death } = await starting;
          const shares = Array.from({ length: job.shape.workers }, (_, worker) => pool.run({ phase, worker }));
          return await Promise.race([death, Promise.all(shares)]);
        } catch (cause) {
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw new WorkerError(`a worker thread failed in the middle of its work: ${reason}`, { cause });
        }
      },
      close: async () => {
        const { pool } = await starting;
        await pool.destroy();
      },
    };
  };
}

/** A pool of threads for a job, and what rejects when one of them dies. */
async function startPool<Phase, Result>(worker: URL, job: CrewJob) {
  // only who has work for several threads waits for piscina to be loaded
  const { Piscina } = await import("piscina");
  const pool = new Piscina<Share<Phase>, Result>({
    filename: worker.href,
    minThreads: job.shape.workers,
    maxThreads: job.shape.workers,
    workerData: job,
  });
  // the pool would replace a thread that dies without a task, and wait for one that dies before it is ready
  const death = new Promise<never>((_, reject) => {
    for (const thread of pool.threads) {
      thread.once("error", reject);
      thread.once("exit", (code) => reject(new Error(`its exit code is ${code}`)));
    }
  });
  death.catch(() => {});
  return { pool, death };
}
