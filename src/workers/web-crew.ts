import type { AnyCrewFactory, CrewJob, Share } from "../engine/crew.ts";
import { WorkerError } from "../engine/errors.ts";
import type { KernelSet } from "../engine/instance.ts";
import type { Answer } from "./web-worker.ts";

/**
 * A crew of Web Workers that share one memory and one compiled module; only a page that is cross-origin isolated may
 * share memory. Whatever goes wrong in a worker ends the phase that runs, or the next one, and all later ones with a
 * WorkerError: what it left half done cannot be trusted.
 *
 * @param start starts one worker; by default of the file beside the bundle, in the form that bundlers look for.
 */
export function webCrew(
  start: () => Worker = () => new Worker(new URL("./web-worker.js", import.meta.url), { type: "module" }),
): AnyCrewFactory {
  return <Job extends CrewJob, Phase, Result>(job: Job) => {
    const workers = Array.from({ length: job.shape.workers }, start);
    let fail = (_reason: string) => {};
    const failure = new Promise<never>((_, reject) => {
      fail = (reason) => reject(new WorkerError(`a worker failed in the middle of its work: ${reason}`));
    });
    failure.catch(() => {});
    for (const worker of workers) {
      // the event of a script that cannot be loaded has no message
      worker.addEventListener("error", ({ message }) =>
        fail(message || "its script web-worker.js could not be loaded"),
      );
      worker.addEventListener("messageerror", () => fail("a message to or from it could not be read"));
      worker.postMessage(job);
    }
    const share = (worker: Worker, task: Share<Phase>) =>
      new Promise<Result>((resolve) => {
        const take = ({ data }: MessageEvent<Answer>) => {
          if (data.error === undefined) resolve(data.result as Result);
          else fail(data.error);
        };
        worker.addEventListener("message", take, { once: true });
        worker.postMessage(task);
      });
    return {
      run: (phase: Phase) =>
        Promise.race([failure, Promise.all(workers.map((worker, i) => share(worker, { phase, worker: i })))]),
      close: async () => {
        for (const worker of workers) worker.terminate();
        fail("it was ended");
      },
    };
  };
}

/** Who does the work of a page, and how many: Web Workers where it may share memory, else the page's own thread alone. */
export function webCrewFor(
  set: KernelSet,
  workers: number,
): { readonly crew: AnyCrewFactory | undefined; readonly workers: number } {
  const shares = set !== "single" && globalThis.crossOriginIsolated === true;
  return shares ? { crew: webCrew(), workers } : { crew: undefined, workers: 1 };
}
