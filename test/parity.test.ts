import { describe, expect, test } from "vitest";
import type { PlacedParameter } from "../src/engine/model-plan.ts";
import { compileKernels } from "../src/engine/module.ts";
import { placeModel } from "../src/inference/runner.ts";
import { type FillBatch, Learner, type OptimizerSettings } from "../src/train/learner.ts";
import { type Fixture, fixtures, largest, largestDifference } from "./fixtures.ts";

// What PyTorch computes in float32, ours must too. The tolerances are those of the golden files' README: what float32
// and float64 differ by within PyTorch, and a little.
const LOGITS = 5e-6;
const LOSS = 1e-6;
const GRADIENTS = 5e-6;
const WEIGHTS = 5e-5;

const compiled = compileKernels();

function learnerOf(fixture: Fixture, batch = fixture.batch): Learner {
  const learner = new Learner(compiled, { config: fixture.config, batch, workers: 1 });
  learner.restore(fixture.parameters);
  return learner;
}

function fillOf(fixture: Fixture, firstSequence = 0): FillBatch {
  return (_, ids, targets) => {
    const from = firstSequence * fixture.config.seqLen;
    ids.set(fixture.integers("input_ids").subarray(from, from + ids.length));
    targets.set(fixture.integers("targets").subarray(from, from + ids.length));
  };
}

/** -1, 0, 1 of a matrix, read back from both packings. */
function unpack(learner: Learner, { rows, columns, ternary }: PlacedParameter, transposed: boolean): Int8Array {
  const codes = new Int8Array(rows * columns);
  if (!ternary) return codes;
  const bytes = new Uint8Array(learner.weights(learner.plan.model.parameters[0]).buffer);
  for (let n = 0; n < rows; n++) {
    for (let k = 0; k < columns; k++) {
      const [output, input] = transposed ? [k, n] : [ternary.firstOutput + n, k];
      const outputs = transposed ? columns : ternary.totalOutputs;
      const at =
        (transposed ? ternary.codesT : ternary.codes) +
        (Math.floor(input / 16) * outputs + output) * 4 +
        ((input >> 2) & 3);
      codes[n * columns + k] = [0, 1, -1][(bytes[at] >> (2 * (input & 3))) & 3];
    }
  }
  return codes;
}

describe.each(fixtures.map((fixture) => [fixture.name, fixture] as const))("%s", (_, fixture) => {
  const { seqLen: T, vocabSize: V } = fixture.config;

  test("logits and loss", () => {
    const { runner } = placeModel(compiled, fixture.config, fixture.parameters, 1, T);
    const expected = fixture.floats("logits");
    let nats = 0;
    for (let b = 0; b < fixture.batch; b++) {
      runner.forward(fixture.integers("input_ids").subarray(b * T, (b + 1) * T));
      for (let t = 0; t < T; t++) {
        const at = (b * T + t) * V;
        expect(largestDifference(runner.logits(t, 1), expected.subarray(at, at + V))).toBeLessThan(LOGITS);
      }
      for (const nat of runner.nats(fixture.integers("targets").subarray(b * T, (b + 1) * T))) nats += nat;
    }
    expect(Math.abs(nats / (fixture.batch * T) - fixture.floats("loss")[0])).toBeLessThan(LOSS);
  });

  test("gradients", async () => {
    const learner = learnerOf(fixture);
    const { loss } = await learner.backward(1, fillOf(fixture));
    expect(Math.abs(loss - fixture.floats("loss")[0])).toBeLessThan(LOSS);
    if (fixture.has("grad_norms")) {
      fixture.names().forEach((name, i) => {
        const parameter = learner.plan.model.parameters.find((one) => one.name === name);
        if (!parameter) throw new Error(`no parameter ${name}`);
        const gradient = Float64Array.from(learner.gradient(parameter));
        const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
        const expected = fixture.floats("grad_norms")[i];
        expect(Math.abs(norm - expected) / expected, name).toBeLessThan(GRADIENTS);
        // entries cancel in a sum: measure it against what it would be without signs
        const size = gradient.reduce((sum, g) => sum + Math.abs(g), 0);
        const sum = gradient.reduce((total, g) => total + g, 0);
        expect(Math.abs(sum - fixture.floats("grad_sums")[i]) / size, name).toBeLessThan(GRADIENTS);
      });
    }
    for (const parameter of learner.plan.model.parameters) {
      if (!fixture.has(`grad.${parameter.name}`)) continue;
      const expected = fixture.floats(`grad.${parameter.name}`);
      expect(largestDifference(learner.gradient(parameter), expected) / largest(expected), parameter.name).toBeLessThan(
        GRADIENTS,
      );
    }
  });

  test.runIf(fixture.has("act.block0.shift1"))("activations of every block", async () => {
    const { dModel: D, nLayers: L } = fixture.config;
    for (let b = 0; b < fixture.batch; b++) {
      const learner = learnerOf(fixture, 1);
      await learner.backward(1, fillOf(fixture, b));
      const { model, tape, workspaces } = learner.plan;
      const C = model.recurrentWidth;
      const memory = learner.weights(model.parameters[0]).buffer;
      const rows = (address: number, width: number, stride = width) => {
        const all = new Float32Array(memory, address, (T - 1) * stride + width);
        return Float32Array.from({ length: T * width }, (_, i) => all[Math.floor(i / width) * stride + (i % width)]);
      };
      for (let l = 0; l < L; l++) {
        const saved = workspaces[0].saved[l];
        const out = l + 1 < L ? workspaces[0].saved[l + 1].residual : workspaces[0].record.final;
        const residual = rows(saved.residual, D);
        const ours: Record<string, Float32Array> = {
          shift1: rows(tape.blocks[l].gatesInput, D),
          forget: rows(saved.forget, C),
          value: rows(saved.gates + C * 4, C, 3 * C),
          hidden: rows(saved.hidden, C),
          gated: rows(saved.gated, C),
          normed: rows(tape.blocks[l].projInput, C),
          rec_out: rows(saved.middle, D).map((x, i) => x - residual[i]),
          shift2: rows(tape.blocks[l].upInput, D),
          out: rows(out, D),
        };
        for (const [name, values] of Object.entries(ours)) {
          const expected = fixture.floats(`act.block${l}.${name}`).subarray(b * values.length, (b + 1) * values.length);
          const tolerance = LOGITS * Math.max(1, largest(expected));
          expect(largestDifference(values, expected), `block ${l} ${name}`).toBeLessThan(tolerance);
        }
      }
    }
  });

  test.runIf(fixture.has("ternary.blocks.0.rec.W_f.weight"))("ternary codes and scales", () => {
    const learner = learnerOf(fixture);
    const memory = learner.weights(learner.plan.model.parameters[0]).buffer;
    for (const parameter of learner.plan.model.parameters) {
      if (!parameter.ternary) continue;
      const expected = fixture.integers(`ternary.${parameter.name}`);
      for (const transposed of [false, true]) {
        expect(largestDifference(unpack(learner, parameter, transposed), expected), parameter.name).toBe(0);
      }
      const scale = new Float32Array(memory, parameter.ternary.scale, 1)[0];
      expect(scale / fixture.floats(`scale.${parameter.name}`)[0]).toBeCloseTo(1, 6);
    }
  });

  test.runIf(fixture.has("adam_m3.embed.weight"))("AdamW after one and three steps", async () => {
    const { beta1, beta2, eps, weight_decay, clip, lr } = fixture.settings;
    const settings: OptimizerSettings = { beta1, beta2, eps, weightDecay: weight_decay, clip, seed: 0 };
    const learner = learnerOf(fixture);
    const losses = fixture.floats("train_losses");
    const norms = fixture.floats("train_gradnorms_preclip");
    // Adam divides by the size of the gradient, so what float32 leaves open in a gradient moves a weight by that over
    // this size, times lr: all of lr and more where the gradient is about 0.
    const compareWeights = (
      parameter: PlacedParameter,
      expected: string,
      steps: number,
      sizeOf: (i: number) => number,
    ) => {
      const values = learner.weights(parameter);
      const open = GRADIENTS * largest(fixture.floats(`grad.${parameter.name}`));
      fixture.floats(expected).forEach((value, i) => {
        const tolerance = WEIGHTS + steps * lr * Math.min(2, open / (sizeOf(i) + eps));
        if (!(Math.abs(values[i] - value) < tolerance)) expect.fail(`${expected}[${i}] is ${values[i]}, not ${value}`);
      });
    };
    let clipped = 1;
    for (let step = 0; step < 3; step++) {
      const { loss, gradientNorm } = await learner.update(1, fillOf(fixture), lr, settings);
      expect(Math.abs(loss - losses[step])).toBeLessThan(2 * LOSS);
      expect(Math.abs(gradientNorm / norms[step] - 1)).toBeLessThan(GRADIENTS);
      if (step !== 0) continue;
      clipped = Math.min(1, clip / gradientNorm);
      for (const parameter of learner.plan.model.parameters) {
        const gradient = fixture.floats(`grad.${parameter.name}`);
        compareWeights(parameter, `param1.${parameter.name}`, 1, (i) => Math.abs(gradient[i]) * clipped);
      }
    }
    for (const parameter of learner.plan.model.parameters) {
      const gradient = fixture.floats(`grad.${parameter.name}`);
      const v = fixture.floats(`adam_v3.${parameter.name}`);
      // the step that left most open: the first, or one of those that v remembers
      const sizeOf = (i: number) => Math.min(Math.abs(gradient[i]) * clipped, Math.sqrt(v[i] / (1 - beta2 ** 3)));
      compareWeights(parameter, `param3.${parameter.name}`, 3, sizeOf);
      for (const [moments, name] of [
        [learner.momentM(parameter), `adam_m3.${parameter.name}`],
        [learner.momentV(parameter), `adam_v3.${parameter.name}`],
      ] as const) {
        expect(largestDifference(moments, fixture.floats(name)), name).toBeLessThan(
          GRADIENTS * largest(fixture.floats(name)),
        );
      }
    }
    const { loss } = await learner.backward(1, fillOf(fixture));
    expect(Math.abs(loss - losses[3])).toBeLessThan(2 * LOSS);
  });

  test.runIf(fixture.has("greedy_ids"))("greedy decoding, token by token", () => {
    const { runner } = placeModel(compiled, fixture.config, fixture.parameters);
    const expected = fixture.integers("greedy_ids");
    const prompt = fixture.settings.greedy_prompt_len || 4;
    const state = new Float32Array(runner.stateCount);
    const ids = [...expected.subarray(0, prompt)];
    runner.forward(ids, state);
    let last = prompt - 1;
    while (ids.length < expected.length) {
      const logits = runner.logits(last, 1);
      ids.push(logits.indexOf(logits.reduce((a, b) => Math.max(a, b))));
      runner.forward(ids.slice(-1), state);
      last = 0;
    }
    expect(ids).toEqual([...expected]);
  });
});
