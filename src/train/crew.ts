import { type CompiledKernels, instantiateKernels } from "../engine/module.ts";
import { type Phase, runPhase } from "./phases.ts";
import { planTraining, type TrainingShape } from "./plan.ts";

/** What a worker must know to take part in a run: everything else it computes from this. */
export interface CrewJob {
  readonly compiled: CompiledKernels;
  readonly memory: WebAssembly.Memory;
  readonly shape: TrainingShape;
}

/** Those who do the phases of a run, whoever they are: threads of a pool, or the calling thread alone. */
export interface Crew {
  /** Resolves when every worker has done its share; rejects with the first worker's error. */
  run(phase: Phase): Promise<void>;
  /** Ends the workers. */
  close(): Promise<void>;
}

/** Makes a crew for a job. */
export type CrewFactory = (job: CrewJob) => Crew;

/** A worker's whole task: its share of one phase. */
export interface Share {
  readonly phase: Phase;
  readonly worker: number;
}

/** The function that does shares of a job on the calling thread, with an instance of the kernels of its own. */
export function shareRunner({ compiled, memory, shape }: CrewJob): (share: Share) => void {
  const kernels = instantiateKernels(compiled, memory);
  const plan = planTraining(kernels, shape);
  return ({ phase, worker }) => runPhase({ kernels, memory, plan, worker }, phase);
}

/** A crew of the calling thread alone, which does every worker's share in turn. */
export const inPlaceCrew: CrewFactory = (job) => {
  const runShare = shareRunner(job);
  return {
    run: async (phase) => {
      for (let worker = 0; worker < job.shape.workers; worker++) runShare({ phase, worker });
    },
    close: async () => {},
  };
};
