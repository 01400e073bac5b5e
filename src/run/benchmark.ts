import { Arena } from "../engine/arena.ts";
import { presetConfig } from "../engine/config.ts";
import { ROW_GROUP } from "../engine/model-plan.ts";
import { compileKernels, createMemory, instantiateKernels, type KernelSet, type Kernels } from "../engine/module.ts";
import { createRunner } from "../inference/runner.ts";
import { type FillBatch, Learner } from "../train/learner.ts";
import { deriveSettings, presetSettings } from "../train/settings.ts";
import { crewFor } from "./crew.ts";
import { wholeNumber } from "./train-options.ts";

/** What to measure. */
export interface BenchmarkOptions {
  readonly preset: string;
  readonly workers: number;
  /** For each figure. */
  readonly seconds: number;
  readonly kernels?: string | undefined;
}

/** This machine's speed. */
export interface Benchmark {
  /** Billions of multiply-adds (or what replaces them) a second on one core. */
  readonly kernels: Readonly<Record<string, number>>;
  readonly train: { readonly preset: string; readonly workers: number; readonly tokensPerSecond: number };
  readonly decode: { readonly tokensPerSecond: number };
  readonly prefill: { readonly tokensPerSecond: number };
  readonly runtime: string;
  readonly kernelSet: KernelSet;
  readonly relaxedSimd: boolean;
}

/** Measures kernels, a training step, decoding and prefill. Each figure is the best of its repetitions. */
export async function benchmark({ preset, workers: threads, seconds, kernels }: BenchmarkOptions): Promise<Benchmark> {
  const config = presetConfig(preset);
  wholeNumber("workers", threads, 1, 256);
  const compiled = compileKernels(kernels);
  const { crew, workers } = crewFor(compiled.set, threads);
  const gmacs = benchmarkKernels(compiled.set, instantiate(compiled), seconds);

  const settings = deriveSettings(
    Object.entries(presetSettings).find(([name]) => name === preset)?.[1] ?? presetSettings.tiny,
    {},
  );
  const learner = new Learner(compiled, { config, batch: settings.batch, workers }, crew);
  learner.initialise(0);
  const ids = Int32Array.from({ length: settings.batch * config.seqLen }, (_, i) => (i * 7919) % config.vocabSize);
  const fill: FillBatch = (_, input, target) => {
    input.set(ids);
    target.set(ids);
  };
  const step = () => learner.update(1, fill, settings.lr, settings);
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + seconds * 1000;
  for (let i = 0; i < 2 || performance.now() < end; i++) {
    const started = performance.now();
    await step();
    best = Math.min(best, performance.now() - started);
  }
  const trainSpeed = (ids.length / best) * 1000;
  const values = new Map(
    learner.plan.model.parameters.map((parameter) => [parameter.name, learner.weights(parameter).slice()]),
  );
  await learner.close();

  const runner = createRunner(compiled, config, ({ name, count }) => values.get(name) ?? new Float32Array(count));
  const window = ids.subarray(0, config.seqLen);
  const state = new Float32Array(runner.stateCount);
  const prefill = bestTime(seconds, () => {
    runner.forward(window, state);
    runner.logits(window.length - 1, 1);
  });
  const decode = bestTime(seconds, () => {
    for (let t = 0; t < 8; t++) {
      runner.forward(window.subarray(t, t + 1), state);
      runner.logits(0, 1);
    }
  });
  return {
    kernels: gmacs,
    train: { preset, workers, tokensPerSecond: trainSpeed },
    decode: { tokensPerSecond: 8 / decode },
    prefill: { tokensPerSecond: window.length / prefill },
    runtime: runtimeName(),
    kernelSet: compiled.set,
    relaxedSimd: false,
  };
}

/** Kernels at the sizes of `v5`: 1152 x 384 projections and the 8192 x 384 head, 256 tokens. */
function benchmarkKernels(set: KernelSet, planner: Kernels, seconds: number): Record<string, number> {
  const [T, D, F, V] = [256, 384, 1152, 8192];
  const arena = new Arena();
  const x = arena.floats(T * V);
  const y = arena.floats(T * V);
  const dW = arena.floats(V * D);
  const codes = arena.reserve((F * D) / 4);
  const scale = arena.floats(1);
  const panels = arena.reserve(planner.columnPanelBytes(D, V) >>> 0);
  const scratch = arena.reserve(
    Math.max(
      planner.ternaryScratchBytes(F, F) >>> 0,
      planner.weightGradientScratchBytes(F) >>> 0,
      planner.denseScratchBytes(),
    ),
  );
  const memory = createMemory(set, arena.pages("the benchmark"));
  const kernels = instantiateKernels(compileKernels(set), memory);
  kernels.randomNormal(x, T * V, 1, 0, 0);
  kernels.randomNormal(dW, F * D, 1, 0, 1);
  for (let row = 0; row < F; row += ROW_GROUP)
    kernels.packTernary(codes, F, 0, y, D, dW + row * D * 4, row, ROW_GROUP, 0.8);
  new Float32Array(memory.buffer, scale, 1)[0] = 1;
  kernels.packColumns(panels, x, 1, D, D, V);
  const measure = (macs: number, work: () => void) => macs / bestTime(seconds, work) / 1e9;
  const ternary = (outputs: number, inputs: number) =>
    measure(T * outputs * inputs, () =>
      kernels.ternaryForward(y, outputs, x, inputs, codes, scale, outputs, T, outputs, inputs, false, scratch),
    );
  return {
    ternaryForward: ternary(F, D),
    ternaryInputGradient: ternary(D, F),
    denseForward: measure(T * D * V, () => kernels.denseForward(y, V, x, D, 1, panels, T, V, D, false, scratch)),
    denseInputGradient: measure(T * D * V, () => kernels.denseForward(y, D, x, V, 1, panels, T, D, V, false, scratch)),
    weightGradient: measure(T * D * F, () => kernels.weightGradient(dW, y, F, x, T, F, D, false, scratch)),
  };
}

function instantiate(compiled: ReturnType<typeof compileKernels>): Kernels {
  return instantiateKernels(compiled, createMemory(compiled.set, 1));
}

/** The shortest time of one call, in seconds, of as many as fit into `seconds` after the compiler has warmed up. */
function bestTime(seconds: number, work: () => void): number {
  const warm = performance.now() + 200 * seconds;
  do work();
  while (performance.now() < warm);
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const started = performance.now();
    work();
    best = Math.min(best, performance.now() - started);
  }
  return best / 1000;
}

function runtimeName(): string {
  const { bun, deno } = process.versions;
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${process.versions.node}`;
}
