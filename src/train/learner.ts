import { type CompiledKernels, createMemory, instantiateKernels, type Kernels } from "../engine/instance.ts";
import type { PlacedParameter } from "../engine/model-plan.ts";
import { packWhole } from "../engine/pack.ts";
import { hash32 } from "../engine/random.ts";
import type { Values } from "../formats/parameter-values.ts";
import { Runner } from "../inference/runner.ts";
import type { ScoringJob } from "../inference/scoring.ts";
import { type TrainingCrew, type TrainingCrewFactory, trainingInPlace } from "./crew.ts";
import { planTraining, type TrainingPlan, type TrainingShape, writeTrainingRecords } from "./plan.ts";

/** The settings of a step that stay the same during a run. */
export interface OptimizerSettings {
  /** Of random rounding, where there is any (activations "int8"). */
  readonly seed: number;
  /** AdamW's decay of the mean of gradients. */
  readonly beta1: number;
  /** AdamW's decay of the mean of squared gradients. */
  readonly beta2: number;
  /** Added to the root of that mean, which gradients are divided by. */
  readonly eps: number;
  /** Decoupled: a weight loses lr * weightDecay of itself a step. */
  readonly weightDecay: number;
  /** The norm that all gradients together are scaled down to. */
  readonly clip: number;
}

/** What a step reports. */
export interface StepResult {
  /** Mean loss over the step's tokens before the update, nats a token. */
  readonly loss: number;
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number;
}

/** A step was ended before it changed the model, because {@link Learner.stop} was called. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

/** Writes one micro-batch: ids and targets, B x T each. */
export type FillBatch = (micro: number, ids: Int32Array, targets: Int32Array) => void;

/**
 * A model in training: its arena, and a crew that takes steps on it. It knows numbers only; text, schedule and files
 * are its callers' business.
 */
export class Learner {
  readonly plan: TrainingPlan;
  /** Evaluates the model as it stands, between steps. */
  readonly runner: Runner;
  /** Updates taken so far. */
  step = 0;

  readonly #kernels: Kernels;
  readonly #memory: WebAssembly.Memory;
  readonly #stop: Int32Array;
  readonly #crew: TrainingCrew;

  /** @throws MemoryError for a shape that does not fit. */
  constructor(compiled: CompiledKernels, shape: TrainingShape, crew: TrainingCrewFactory = trainingInPlace) {
    const planner = instantiateKernels(compiled, createMemory(compiled.set, 1));
    this.plan = planTraining(planner, shape);
    this.#memory = createMemory(compiled.set, this.plan.pages);
    this.#kernels = instantiateKernels(compiled, this.#memory);
    writeTrainingRecords(this.#memory, this.plan);
    this.#stop = new Int32Array(this.#memory.buffer, this.plan.stop, 1);
    this.runner = new Runner(this.#kernels, this.#memory, this.plan.model, this.plan.scoring[0]);
    this.#crew = crew({ work: "training", compiled, memory: this.#memory, shape });
  }

  /** Gives every parameter its initial value (MODEL.md), a function of `seed` alone. */
  initialise(seed: number): void {
    this.plan.model.parameters.forEach((parameter, stream) => {
      const { address, count, variance, fill } = parameter;
      if (variance > 0) this.#kernels.randomNormal(address, count, variance, seed, stream);
      else this.weights(parameter).fill(fill);
    });
    this.#packAll();
  }

  /** Takes over weights, and with moments the whole state of the optimiser after `step` updates. */
  restore(weights: Values, optimizer?: { readonly m: Values; readonly v: Values; readonly step: number }): void {
    for (const parameter of this.plan.model.parameters) {
      this.weights(parameter).set(weights(parameter));
      if (!optimizer) continue;
      this.momentM(parameter).set(optimizer.m(parameter));
      this.momentV(parameter).set(optimizer.v(parameter));
    }
    this.step = optimizer?.step ?? 0;
    this.#packAll();
  }

  /** A parameter's values; a view of the arena. */
  weights(parameter: PlacedParameter): Float32Array {
    return this.#floats(parameter.address, parameter.count);
  }

  /** Its gradient in the last step, before clipping. */
  gradient(parameter: PlacedParameter): Float32Array {
    return this.#floats(parameter.address + this.plan.gradient, parameter.count);
  }

  /** AdamW's running mean of gradients. */
  momentM(parameter: PlacedParameter): Float32Array {
    return this.#floats(parameter.address + this.plan.momentM, parameter.count);
  }

  /** AdamW's running mean of squared gradients. */
  momentV(parameter: PlacedParameter): Float32Array {
    return this.#floats(parameter.address + this.plan.momentV, parameter.count);
  }

  /**
   * Makes the {@link update} or {@link backward} that runs end soon, within about a sequence's time, unless it is
   * updating the weights already; and the next one before it begins.
   */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  /**
   * Forward and backward of `micros` micro-batches: the gradients of their mean loss.
   *
   * @throws StoppedError after {@link stop}.
   */
  async backward(micros: number, fill: FillBatch, seed = 0): Promise<StepResult> {
    const { plan } = this;
    const tokens = plan.shape.batch * plan.shape.config.seqLen;
    const ids = new Int32Array(this.#memory.buffer, plan.ids, tokens);
    const targets = new Int32Array(this.#memory.buffer, plan.targets, tokens);
    const nats = new Float64Array(this.#memory.buffer, plan.nats, tokens);
    const key = hash32(this.step, hash32(seed, 0));
    let loss = 0;
    for (let micro = 0; micro < micros; micro++) {
      fill(micro, ids, targets);
      const lossWeight = 1 / (tokens * micros);
      await this.#crew.run({ kind: "sequences", lossWeight, key: hash32(micro, key) });
      this.#throwIfStopped();
      for (const nat of nats) loss += nat;
      await this.#crew.run({ kind: "gradients", lossWeight, accumulate: micro > 0 });
      this.#throwIfStopped();
    }
    const groups = plan.groups.reduce((sum, { count }) => sum + count, 0);
    return { loss: loss / (tokens * micros), gradientNorm: this.#kernels.gradientNorm(plan.squares, groups) };
  }

  /**
   * One whole step: {@link backward}, clipping, AdamW, and the new weights quantised and packed.
   *
   * @throws StoppedError after {@link stop}; the model is then as it was before the step.
   */
  async update(micros: number, fill: FillBatch, lr: number, settings: OptimizerSettings): Promise<StepResult> {
    const result = await this.backward(micros, fill, settings.seed);
    const { beta1, beta2, eps, weightDecay, clip } = settings;
    this.step++;
    await this.#crew.run({
      kind: "update",
      lr,
      beta1,
      beta2,
      eps,
      weightDecay,
      correction1: 1 - power(beta1, this.step),
      correction2: 1 - power(beta2, this.step),
      clip: Math.min(1, clip / (result.gradientNorm + 1e-6)),
    });
    await this.#crew.run({ kind: "pack" });
    return result;
  }

  /** Scores stories with the model as it stands, all workers together. */
  score(job: ScoringJob): Promise<unknown> {
    return this.#crew.run({ kind: "score", job });
  }

  /**
   * The forget gates of every block for a text of at most seqLen tokens that is read from nothing: [T][channels] each,
   * views that the next call overwrites.
   */
  forgetGates(ids: ArrayLike<number>): Float32Array[] {
    this.runner.forward(ids);
    const { model, scoring } = this.plan;
    return scoring[0].saved.map(({ forget }) => this.#floats(forget, ids.length * model.recurrentWidth));
  }

  /** Ends the crew. */
  async close(): Promise<void> {
    await this.#crew.close();
  }

  #throwIfStopped(): void {
    if (Atomics.load(this.#stop, 0) !== 0) throw new StoppedError();
  }

  #packAll(): void {
    for (const parameter of this.plan.model.parameters)
      packWhole(this.#kernels, this.#memory, this.plan.model, parameter);
  }

  #floats(address: number, count: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, count);
  }
}

/** base^exponent by multiplication alone: the host's `**` may differ between hosts in its last digit. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2), square *= square) {
    if (left % 2 === 1) result *= square;
  }
  return result;
}
