import type { ModelConfig } from "../engine/config.ts";
import type { CompiledKernels } from "../engine/instance.ts";
import type { Values } from "../formats/parameter-values.ts";
import { type TrainingCrewFactory, trainingInPlace } from "../train/crew.ts";
import { type FillBatch, Learner } from "../train/learner.ts";
import type { TrainingSettings } from "../train/settings.ts";

/** The best of some training steps. */
export interface TrainingBenchmark {
  readonly tokensPerSecond: number;
  /** What its phases took, and `host`: the calling thread between them, where no worker has anything to do. */
  readonly milliseconds: Readonly<Record<string, number>>;
  /** The model that came out. */
  readonly values: Values;
}

/** Times whole training steps on made-up tokens for some seconds, at least two. */
export async function benchmarkTraining(
  compiled: CompiledKernels,
  config: ModelConfig,
  settings: TrainingSettings,
  workers: number,
  seconds: number,
  crewFactory: TrainingCrewFactory = trainingInPlace,
): Promise<TrainingBenchmark> {
  let spent: Record<string, number> = {};
  const timed: TrainingCrewFactory = (job) => {
    const crew = crewFactory(job);
    const run: typeof crew.run = async (phase) => {
      const started = performance.now();
      const results = await crew.run(phase);
      spent[phase.kind] = (spent[phase.kind] ?? 0) + performance.now() - started;
      return results;
    };
    return { run, close: () => crew.close() };
  };
  const learner = new Learner(compiled, { config, batch: settings.batch, workers }, timed);
  learner.initialise(0);
  const ids = Int32Array.from({ length: settings.batch * config.seqLen }, (_, i) => (i * 7919) % config.vocabSize);
  const fill: FillBatch = (_, input, target) => {
    input.set(ids);
    target.set(ids);
  };
  let best = Number.POSITIVE_INFINITY;
  let milliseconds: Record<string, number> = {};
  const end = performance.now() + seconds * 1000;
  for (let i = 0; i < 2 || performance.now() < end; i++) {
    spent = {};
    const started = performance.now();
    await learner.update(1, fill, settings.lr, settings);
    const all = performance.now() - started;
    if (all >= best) continue;
    best = all;
    milliseconds = { ...spent, host: all - Object.values(spent).reduce((a, b) => a + b, 0) };
  }
  const values = new Map(
    learner.plan.model.parameters.map((parameter) => [parameter.name, learner.weights(parameter).slice()]),
  );
  await learner.close();
  return {
    tokensPerSecond: (ids.length / best) * 1000,
    milliseconds,
    values: ({ name, count }) => values.get(name) ?? new Float32Array(count),
  };
}
