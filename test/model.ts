import { type ModelConfig, parseConfig } from "../src/engine/config.ts";
import { compileKernels } from "../src/engine/module.ts";
import type { Values } from "../src/formats/parameter-values.ts";
import { placeModel, type Runner } from "../src/inference/runner.ts";
import { Learner } from "../src/train/learner.ts";

/** A small configuration with sizes that are no multiple of anything. */
export const oddConfig: ModelConfig = parseConfig({
  vocabSize: 37,
  dModel: 19,
  nHeads: 3,
  dHead: 5,
  nLayers: 3,
  dFfn: 29,
  seqLen: 21,
  headNorm: "token",
  activations: "float32",
});

/** Values for every parameter, none of them trivially 0 or 1, from the engine's own random numbers. */
export function randomValues(config: ModelConfig, seed = 7): Values {
  const learner = new Learner(compileKernels(), { config, batch: 1, workers: 1 });
  learner.initialise(seed);
  const values = new Map<string, Float32Array>();
  let n = seed;
  for (const parameter of learner.plan.model.parameters) {
    const copy = learner.weights(parameter).slice();
    if (parameter.kind === "vector") {
      for (let i = 0; i < copy.length; i++) {
        n = (Math.imul(n, 1_664_525) + 1_013_904_223) >>> 0;
        copy[i] += (n / 2 ** 32 - 0.5) * 0.5;
      }
    }
    values.set(parameter.name, copy);
  }
  return ({ name, count }) => values.get(name) ?? new Float32Array(count);
}

/** A runner with random values. */
export function randomRunner(config: ModelConfig, seed?: number): Runner {
  return placeModel(compileKernels(), config, randomValues(config, seed)).runner;
}

/** A learner with random values. */
export function randomLearner(config: ModelConfig, batch: number, workers = 1): Learner {
  const learner = new Learner(compileKernels(), { config, batch, workers });
  learner.restore(randomValues(config));
  return learner;
}
