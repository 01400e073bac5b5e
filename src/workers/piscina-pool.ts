import { once } from "node:events";
import type { Piscina } from "piscina";
import { WorkerError } from "../engine/errors.ts";

/** Threads that do tasks. */
export interface Pool<Task, Result> {
  /** Gets a task done by whichever thread is free; rejects with a WorkerError where that failed or a thread died. */
  run(task: Task): Promise<Result>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/**
 * A piscina pool. Whatever ends a thread before the pool is closed ends all tasks, those that run and those to come,
 * with a WorkerError: what the thread left half done cannot be trusted.
 *
 * @param worker the built worker file.
 * @param data what every thread is given when it starts.
 */
export function piscinaPool<Task, Result>(worker: URL, threads: number, data: unknown): Pool<Task, Result> {
  const starting = startThreads<Task, Result>(worker, threads, data);
  // whoever runs a task hears of it
  starting.catch(() => {});
  return {
    run: async (task) => {
      let watch: Watch | undefined;
      try {
        const started = await starting;
        watch = started.watch;
        if (watch.death) throw watch.death;
        return await started.pool.run(task);
      } catch (error) {
        const cause = watch?.death ?? error;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new WorkerError(`a worker thread failed in the middle of its work: ${reason}`, { cause });
      }
    },
    close: async () => {
      const { pool, starts, exits } = await starting;
      // Node 20 may crash when a thread is ended while it loads its modules
      await Promise.all(starts);
      void pool.destroy();
      await Promise.all(exits);
    },
  };
}

/** What is known of a pool's threads. */
interface Watch {
  /** Why one of them ended. */
  death: Error | undefined;
}

interface Threads<Task, Result> {
  readonly pool: Piscina<Task, Result>;
  readonly watch: Watch;
  /** Resolve when a thread is ready, or has ended. */
  readonly starts: Promise<unknown>[];
  readonly exits: Promise<unknown>[];
}

async function startThreads<Task, Result>(worker: URL, threads: number, data: unknown): Promise<Threads<Task, Result>> {
  // only who has work for several threads waits for piscina to be loaded
  const { Piscina } = await import("piscina");
  const pool = new Piscina<Task, Result>({
    filename: worker.href,
    minThreads: threads,
    maxThreads: threads,
    workerData: data,
  });
  const watch: Watch = { death: undefined };
  const end = (cause: Error) => {
    watch.death ??= cause;
    void pool.destroy();
  };
  // before the pool hears of it, which would start another thread, or wait for one that has died before it was ready
  for (const thread of pool.threads) {
    thread.prependOnceListener("error", end);
    thread.prependOnceListener("exit", (code) => end(new Error(`its exit code is ${code}`)));
  }
  pool.on("error", end);
  const exits = pool.threads.map((thread) => once(thread, "exit").catch(() => {}));
  // the first word of a thread is that it is ready
  const starts = pool.threads.map((thread, i) => Promise.race([once(thread, "message").catch(() => {}), exits[i]]));
  return { pool, watch, starts, exits };
}
