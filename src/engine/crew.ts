import type { CompiledKernels } from "./instance.ts";

/** What a worker must know to take part in a job: everything else it computes from this. */
export interface CrewJob<
  Work extends string = string,
  Shape extends { readonly workers: number } = { workers: number },
> {
  readonly work: Work;
  readonly compiled: CompiledKernels;
  readonly memory: WebAssembly.Memory;
  /** What fixes the memory's layout. */
  readonly shape: Shape;
}

/** A worker's whole task: its share of one phase. */
export interface Share<Phase> {
  readonly phase: Phase;
  /** 0..workers-1. */
  readonly worker: number;
}

/** Does shares of a job's phases on the calling thread. */
export type ShareRunner<Phase, Result> = (share: Share<Phase>) => Result | Promise<Result>;

/** Those who do the phases of a job, whoever they are: threads of a pool, or the calling thread alone. */
export interface Crew<Phase, Result> {
  /** Resolves when every worker has done its share, with what each gave; rejects with the first worker's error. */
  run(phase: Phase): Promise<Result[]>;
  /** Ends the workers. */
  close(): Promise<void>;
}

/** Makes a crew for a job. */
export type CrewFactory<Job extends CrewJob, Phase, Result> = (job: Job) => Crew<Phase, Result>;

/** A factory of crews for any job, as a pool of threads is. */
export type AnyCrewFactory = <Job extends CrewJob, Phase, Result>(job: Job) => Crew<Phase, Result>;

/** Crews of the calling thread alone, which does every worker's share in turn. */
export function inPlaceCrew<Job extends CrewJob, Phase, Result>(
  shareRunner: (job: Job) => ShareRunner<Phase, Result>,
): CrewFactory<Job, Phase, Result> {
  return (job) => {
    const runShare = shareRunner(job);
    return {
      run: async (phase) => {
        const results: Result[] = [];
        for (let worker = 0; worker < job.shape.workers; worker++) results.push(await runShare({ phase, worker }));
        return results;
      },
      close: async () => {},
    };
  };
}

/**
 * The same crew for several callers: phases are done one after the other, since a worker's place in memory is the same
 * in each of them.
 */
export function inTurn<Phase, Result>(crew: Crew<Phase, Result>): Crew<Phase, Result> {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (phase) => {
      const results = last.then(() => crew.run(phase));
      last = results.catch(() => {});
      return results;
    },
    close: () => crew.close(),
  };
}
