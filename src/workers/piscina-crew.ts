import { Piscina } from "piscina";
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
    const pool = new Piscina<Share<Phase>, Result>({
      filename: worker.href,
      minThreads: job.shape.workers,
      maxThreads: job.shape.workers,
      workerData: job,
    });
    // the pool would replace a thread that dies without a task, and wait for one that dies before it is ready
    let death: unknown;
    const waiting = new Set<(cause: unknown) => void>();
    const die = (cause: unknown) => {
      death ??= cause;
      for (const reject of waiting) reject(death);
    };
    for (const thread of pool.threads) {
      thread.once("error", die);
      thread.once("exit", (code) => die(new Error(`its exit code is ${code}`)));
    }
    /** Not Promise.race, in which a promise that stays open keeps every result that it ever raced with. */
    const unlessDead = <T>(work: Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        waiting.add(reject);
        work.then(resolve, reject).finally(() => waiting.delete(reject));
        if (death !== undefined) reject(death);
      });
    return {
      run: async (phase: Phase): Promise<Result[]> => {
        const shares = Array.from({ length: job.shape.workers }, (_, worker) => pool.run({ phase, worker }));
        try {
          return await unlessDead(Promise.all(shares));
        } catch (cause) {
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw new WorkerError(`a worker thread failed in the middle of its work: ${reason}`, { cause });
        }
      },
      close: () => pool.destroy(),
    };
  };
}
