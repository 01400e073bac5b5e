import { expect, test } from "vitest";
import { parseConfig } from "../src/engine/config.ts";
import { compileKernels } from "../src/engine/module.ts";
import { hash32 } from "../src/engine/random.ts";
import { auditCausality } from "../src/inference/audit.ts";
import { Learner } from "../src/train/learner.ts";
import { learningRate } from "../src/train/schedule.ts";

/** Symbols of the noise: no honest model can score below ln 16 = 2.77 nats a token on it. */
const SYMBOLS = 16;
const ENTROPY = Math.log(SYMBOLS);
const BATCH = 16;
const T = 16;

/** Trains on noise that is never seen twice and gives the score on noise never seen at all, in nats a token. */
async function trainOnNoise(headNorm: "token" | "window", steps: number) {
  const config = parseConfig({
    vocabSize: SYMBOLS,
    dModel: 64,
    nHeads: 16,
    dHead: 4,
    nLayers: 2,
    dFfn: 128,
    seqLen: T,
    headNorm,
    activations: "float32",
  });
  const learner = new Learner(compileKernels(), { config, batch: BATCH, workers: 1 });
  learner.initialise(1);
  let drawn = 0;
  const noise = (ids: Int32Array, targets: Int32Array) => {
    for (let b = 0; b < BATCH; b++) {
      let symbol = hash32(drawn++, 42) % SYMBOLS;
      for (let t = 0; t < T; t++) {
        ids[b * T + t] = symbol;
        symbol = hash32(drawn++, 42) % SYMBOLS;
        targets[b * T + t] = symbol;
      }
    }
  };
  const schedule = { lr: 1e-2, minLr: 1e-3, warmupSteps: 50, steps };
  const optimizer = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0, clip: 1, seed: 0 };
  for (let step = 0; step < steps; step++) {
    await learner.update(1, (_, ids, targets) => noise(ids, targets), learningRate(schedule, step), optimizer);
  }
  let score = 0;
  for (let i = 0; i < 20; i++) score += (await learner.backward(1, (_, ids, targets) => noise(ids, targets))).loss / 20;
  return { score, audit: auditCausality(learner.runner) };
}

test("the causal model cannot predict noise", async () => {
  const { score, audit } = await trainOnNoise("token", 600);
  // the score is a mean over 5,120 symbols: it scatters by less than 0.001 about the true one, which is above ln 16
  expect(score).toBeGreaterThan(ENTROPY - 0.005);
  expect(score).toBeLessThan(ENTROPY + 0.05);
  expect(audit).toMatchObject({ causal: true, largestLeak: 0 });
});

test("the release's window norm predicts noise, because it is shown it", async () => {
  const { score, audit } = await trainOnNoise("window", 600);
  expect(score).toBeLessThan(ENTROPY - 1);
  expect(audit.causal).toBe(false);
  expect(audit.largestLeak).toBeGreaterThan(0);
  expect(audit.where).toBeDefined();
});
