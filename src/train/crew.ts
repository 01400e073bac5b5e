import { type Crew, type CrewFactory, type CrewJob, inPlaceCrew, type ShareRunner } from "../engine/crew.ts";
import { instantiateKernels } from "../engine/instance.ts";
import { type Phase, runPhase } from "./phases.ts";
import { planTraining, type TrainingShape } from "./plan.ts";

/** A training run, as its workers know it. */
export type TrainingJob = CrewJob<"training", TrainingShape>;
/** Those who do the phases of a run. */
export type TrainingCrew = Crew<Phase, void>;
export type TrainingCrewFactory = CrewFactory<TrainingJob, Phase, void>;

/** The function that does shares of a run on the calling thread, with an instance of the kernels of its own. */
export function trainingShares({ compiled, memory, shape }: TrainingJob): ShareRunner<Phase, void> {
  const kernels = instantiateKernels(compiled, memory);
  const plan = planTraining(kernels, shape);
  return ({ phase, worker }) => runPhase({ kernels, memory, plan, worker }, phase);
}

/** A crew of the calling thread alone. */
export const trainingInPlace: TrainingCrewFactory = inPlaceCrew(trainingShares);
