import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileKernels } from "../src/engine/module.ts";
import { type FillBatch, Learner } from "../src/train/learner.ts";
import { cosineOfHalfTurns, learningRate } from "../src/train/schedule.ts";
import { rowShare } from "../src/train/station.ts";
import { oddConfig as base, randomLearner, randomValues } from "./model.ts";

const optimizer = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.05, clip: 1, seed: 0 };
const BATCH = 3;

const fill: FillBatch = (micro, ids, targets) => {
  for (let i = 0; i < ids.length; i++) {
    ids[i] = (i * 7 + micro) % base.vocabSize;
    targets[i] = (i * 5 + 1 + micro) % base.vocabSize;
  }
};

/** All weights and moments after some steps. */
async function stateAfter(learner: Learner, steps: number): Promise<Float32Array[]> {
  for (let step = 0; step < steps; step++) await learner.update(2, fill, 1e-2, optimizer);
  return learner.plan.model.parameters.flatMap((parameter) => [
    learner.weights(parameter).slice(),
    learner.momentM(parameter).slice(),
    learner.momentV(parameter).slice(),
  ]);
}

describe.each(["float32", "int8"] as const)("a training step on %s activations", (activations) => {
  const oddConfig = { ...base, activations };

  test("has the same bits for any number of workers", async () => {
    const alone = await stateAfter(randomLearner(oddConfig, BATCH, 1), 3);
    for (const workers of [2, 3, 5, 8])
      expect(await stateAfter(randomLearner(oddConfig, BATCH, workers), 3)).toEqual(alone);
  });

  test("has the same bits in a memory that is not shared", async () => {
    const single = new Learner(compileKernels("single"), { config: oddConfig, batch: BATCH, workers: 1 });
    single.restore(randomValues(oddConfig));
    expect(await stateAfter(single, 3)).toEqual(await stateAfter(randomLearner(oddConfig, BATCH), 3));
  });

  test("has the gradients of its micro-batches together", async () => {
    const together = randomLearner(oddConfig, 2 * BATCH);
    const apart = randomLearner(oddConfig, BATCH);
    const half = BATCH * oddConfig.seqLen;
    const whole = await together.backward(1, (_, ids, targets) => {
      for (const micro of [0, 1])
        fill(micro, ids.subarray(micro * half, (micro + 1) * half), targets.subarray(micro * half, (micro + 1) * half));
    });
    const parts = await apart.backward(2, fill);
    expect(parts.loss).toBeCloseTo(whole.loss, 9);
    // int8 gradients are rounded at random, and the two differ in what they draw
    expect(parts.gradientNorm).toBeCloseTo(whole.gradientNorm, activations === "int8" ? 1 : 5);
  });

  test("goes on from a restored state as if nothing had happened", async () => {
    const straight = await stateAfter(randomLearner(oddConfig, BATCH), 4);
    const first = randomLearner(oddConfig, BATCH);
    await stateAfter(first, 2);
    const second = new Learner(compileKernels(), { config: oddConfig, batch: BATCH, workers: 1 });
    const { parameters } = first.plan.model;
    const find = (name: string) => parameters.find((one) => one.name === name) ?? parameters[0];
    second.restore(({ name }) => first.weights(find(name)), {
      m: ({ name }) => first.momentM(find(name)),
      v: ({ name }) => first.momentV(find(name)),
      step: first.step,
    });
    expect(await stateAfter(second, 2)).toEqual(straight);
  });

  test("starts from weights of the right spread", () => {
    const learner = new Learner(compileKernels(), {
      config: { ...oddConfig, dModel: 64, vocabSize: 500 },
      batch: 1,
      workers: 1,
    });
    learner.initialise(3);
    for (const parameter of learner.plan.model.parameters) {
      const values = learner.weights(parameter);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
      if (parameter.kind === "vector") expect([mean, variance]).toEqual([parameter.fill, 0]);
      else expect(variance / parameter.variance).toBeCloseTo(1, 0);
    }
  });
});

test("row shares cover every row once, whatever the number of workers", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), (workers) => {
      const { plan } = new Learner(compileKernels(), { config: base, batch: 1, workers });
      const seen = plan.model.parameters.map(({ rows }) => new Uint8Array(rows));
      for (let worker = 0; worker < workers; worker++) {
        for (const { index, from, to } of rowShare(plan, worker, ({ kind }) => (kind === "embedding" ? 2.5 : 1))) {
          expect(from % 16).toBe(0);
          for (let row = from; row < to; row++) seen[index][row]++;
        }
      }
      for (const rows of seen) expect(rows.every((times) => times === 1)).toBe(true);
    }),
    { numRuns: 15 },
  );
});

describe("the schedule", () => {
  const schedule = { lr: 3e-3, minLr: 3e-4, warmupSteps: 10, steps: 110 };

  test("rises, peaks and falls as a cosine", () => {
    expect(learningRate(schedule, 0)).toBeCloseTo(3e-4, 12);
    expect(learningRate(schedule, 9)).toBeCloseTo(3e-3, 12);
    expect(learningRate(schedule, 60)).toBeCloseTo((3e-3 + 3e-4) / 2, 12);
    expect(learningRate(schedule, 110)).toBeCloseTo(3e-4, 12);
  });

  test("has a cosine of its own that is one", () => {
    for (let x = 0; x <= 1; x += 1 / 1024)
      expect(Math.abs(cosineOfHalfTurns(x) - Math.cos(Math.PI * x))).toBeLessThan(1e-12);
  });
});
