import { type Crew, type CrewFactory, type CrewJob, inPlaceCrew, type ShareRunner } from "../engine/crew.ts";
import { instantiateKernels } from "../engine/instance.ts";
import { type GeneratedText, type GenerationJob, generateShare } from "./generate-batch.ts";
import { type InferenceShape, planInference } from "./inference-plan.ts";
import { Runner } from "./runner.ts";
import { type ScoringJob, scoreStories } from "./scoring.ts";

/** A loaded model, as those who run it know it. */
export type InferenceJob = CrewJob<"inference", InferenceShape>;

/** What a crew does with a model: whole stories, or whole texts, to whoever is free. */
export type InferencePhase =
  | { readonly kind: "score"; readonly job: ScoringJob }
  | { readonly kind: "generate"; readonly job: GenerationJob };

/** The texts that a worker generated; none where it scored. */
export type InferenceResult = readonly GeneratedText[];

export type InferenceCrew = Crew<InferencePhase, InferenceResult>;
export type InferenceCrewFactory = CrewFactory<InferenceJob, InferencePhase, InferenceResult>;

/** The function that does shares on the calling thread, with an instance of the kernels of its own. */
export function inferenceShares({
  compiled,
  memory,
  shape,
}: InferenceJob): ShareRunner<InferencePhase, InferenceResult> {
  const kernels = instantiateKernels(compiled, memory);
  const { model, workspaces } = planInference(kernels, shape);
  return async ({ phase, worker }) => {
    const runner = new Runner(kernels, memory, model, workspaces[worker]);
    if (phase.kind === "generate") return generateShare(runner, phase.job, shape.workers);
    await scoreStories(runner, phase.job);
    return [];
  };
}

/** A crew of the calling thread alone. */
export const inferenceInPlace: InferenceCrewFactory = inPlaceCrew(inferenceShares);
