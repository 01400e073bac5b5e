import { deriveConfig, presetConfig } from "../engine/config.ts";
import type { KernelSet } from "../engine/instance.ts";
import { compileKernels, whyNotRelaxed } from "../engine/module.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import { placeModel } from "../inference/placed-model.ts";
import { Runner } from "../inference/runner.ts";
import { deriveSettings, presetSettings } from "../train/settings.ts";
import { benchmarkKernels, bestTime } from "./benchmark-kernels.ts";
import { benchmarkTraining } from "./benchmark-training.ts";
import { crewFor } from "./crew.ts";
import { runtimeName } from "./host.ts";
import { isRevectorized } from "./revectorize.ts";

/** What to measure. */
export interface BenchmarkOptions {
  readonly preset: string;
  /** "float32" or "int8"; by default the preset's. */
  readonly activations?: string | undefined;
  readonly workers: number;
  /** For each figure. */
  readonly seconds: number;
  readonly kernels?: string | undefined;
  /** Told what is measured next, how many figures there are already, and of how many. */
  readonly onFigure?: (what: string, done: number, all: number) => void;
}

/** This machine's speed. */
export interface Benchmark {
  /** Billions of multiply-adds (or what replaces them) a second on one core. */
  readonly kernels: Readonly<Record<string, number>>;
  readonly train: {
    readonly preset: string;
    readonly workers: number;
    readonly tokensPerSecond: number;
    /** Of the phases of the best step; see benchmark-training.ts. */
    readonly milliseconds: Readonly<Record<string, number>>;
  };
  readonly decode: { readonly tokensPerSecond: number };
  /** Several sessions side by side, the tokens of all together. */
  readonly batchDecode: { readonly sessions: number; readonly tokensPerSecond: number };
  readonly prefill: { readonly tokensPerSecond: number };
  readonly runtime: string;
  readonly kernelSet: KernelSet;
  /** Whether relaxed SIMD is available here; the kernels `relaxed` use it. */
  readonly relaxedSimd: boolean;
  /** Whether V8 was asked to join vector instructions (revectorize.ts). */
  readonly revectorize: boolean;
}

/** Sessions of the batch that is measured. */
const SESSIONS = 16;

/** Figures after those of the kernels: training, prefill, decoding, decoding a batch. */
const SPEEDS = 4;

/** Measures kernels, a training step, decoding and prefill. Each figure is the best of its repetitions. */
export async function benchmark(options: BenchmarkOptions): Promise<Benchmark> {
  const { preset, activations, workers: threads, seconds, kernels, onFigure } = options;
  const config = deriveConfig(presetConfig(preset), activations === undefined ? {} : { activations });
  wholeNumber("workers", threads, 1, 256);
  const compiled = compileKernels(kernels);
  const { crew, workers } = crewFor(compiled.set, threads);
  let [measured, figures] = [0, 0];
  const next = (what: string) => onFigure?.(what, measured++, figures);
  const gmacs = benchmarkKernels(compiled, seconds, (name, _, all) => {
    figures = all + SPEEDS;
    next(name);
  });

  const settings = deriveSettings(
    Object.entries(presetSettings).find(([name]) => name === preset)?.[1] ?? presetSettings.tiny,
    {},
  );
  next("training");
  const training = await benchmarkTraining(compiled, config, settings, workers, seconds, crew);
  const runner = Runner.of(placeModel(compiled, config, { kind: "values", values: training.values }));
  const window = Int32Array.from({ length: config.seqLen }, (_, i) => (i * 7919) % config.vocabSize);
  const state = new Float32Array(runner.stateCount);
  next("reading a prompt");
  const prefill = bestTime(seconds, () => {
    runner.forward(window, state);
    runner.logits(window.length - 1, 1);
  });
  next("decoding");
  const decode = bestTime(seconds, () => {
    for (let t = 0; t < 8; t++) {
      runner.forward(window.subarray(t, t + 1), state);
      runner.logits(0, 1);
    }
  });
  const states = Array.from({ length: SESSIONS }, () => state.slice());
  next(`${SESSIONS} sessions at once`);
  const batchDecode = bestTime(seconds, () => {
    for (let t = 0; t < 8; t++) {
      runner.forwardBatch(window.subarray(t, t + SESSIONS), states);
      runner.logits(0, SESSIONS);
    }
  });
  return {
    kernels: gmacs,
    train: { preset, workers, tokensPerSecond: training.tokensPerSecond, milliseconds: training.milliseconds },
    decode: { tokensPerSecond: 8 / decode },
    batchDecode: { sessions: SESSIONS, tokensPerSecond: (8 * SESSIONS) / batchDecode },
    prefill: { tokensPerSecond: window.length / prefill },
    runtime: runtimeName(),
    kernelSet: compiled.set,
    relaxedSimd: whyNotRelaxed() === undefined,
    revectorize: isRevectorized(),
  };
}
