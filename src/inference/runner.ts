import type { ModelConfig } from "../engine/config.ts";
import type { Kernels } from "../engine/instance.ts";
import type { ModelPlan } from "../engine/model-plan.ts";
import { LOGIT_ROWS, stateCount, type WorkspacePlan } from "../engine/workspace-plan.ts";
import { fingerprint } from "./fingerprint.ts";
import { likeliest } from "./likeliest.ts";
import type { PlacedModel } from "./placed-model.ts";

/**
 * Runs tokens through a model in one workspace of a memory: the forward pass that sessions, evaluation, the audit and
 * the trainer's validation share. Plain numbers in, plain numbers out; it knows nothing of text.
 */
export class Runner {
  /** A runner of the calling thread for a model in its memory. */
  static of({ kernels, memory, model, workspace }: PlacedModel): Runner {
    return new Runner(kernels, memory, model, workspace);
  }

  readonly config: ModelConfig;
  /** Float32 numbers in a stream's state. */
  readonly stateCount: number;
  /** Tokens that one call of {@link forward} can take. */
  readonly capacity: number;
  /** Streams that one call of {@link forwardBatch} can take. */
  readonly batch: number;

  readonly #kernels: Kernels;
  readonly #model: ModelPlan;
  readonly #workspace: WorkspacePlan;
  readonly #ids: Int32Array;
  readonly #targets: Int32Array;
  readonly #nats: Float64Array;
  readonly #states: Float32Array;
  readonly #logits: Float32Array;
  #fingerprint: readonly [number, number] | undefined;

  constructor(kernels: Kernels, memory: WebAssembly.Memory, model: ModelPlan, workspace: WorkspacePlan) {
    const { capacity, batch } = workspace;
    this.config = model.config;
    this.stateCount = stateCount(model);
    this.capacity = capacity;
    this.batch = batch;
    this.#kernels = kernels;
    this.#model = model;
    this.#workspace = workspace;
    this.#ids = new Int32Array(memory.buffer, workspace.ids, capacity);
    this.#targets = new Int32Array(memory.buffer, workspace.targets, capacity);
    this.#nats = new Float64Array(memory.buffer, workspace.nats, capacity);
    this.#states = new Float32Array(memory.buffer, workspace.states, batch * this.stateCount);
    const logitRows = Math.min(LOGIT_ROWS, capacity);
    this.#logits = new Float32Array(memory.buffer, workspace.logits, logitRows * model.config.vocabSize);
  }

  /** What tells the model from others: two words, of 32 bits each. */
  get fingerprint(): readonly [number, number] {
    this.#fingerprint ??= fingerprint(this);
    return this.#fingerprint;
  }

  /**
   * Reads tokens on from `state` (stateCount numbers, changed in place; undefined: from nothing, and not kept).
   * At most `capacity` tokens. Afterwards {@link logits} and {@link nats} answer for them.
   */
  forward(ids: ArrayLike<number>, state?: Float32Array): void {
    this.#ids.set(ids);
    if (state) this.#states.set(state);
    const { address, ids: at, states } = this.#workspace;
    this.#kernels.modelForward(this.#model.model, address, at, 0, ids.length, state ? states : 0);
    if (state) state.set(this.#states.subarray(0, this.stateCount));
  }

  /**
   * Reads one token into each of several streams: ids[s] on from states[s], which is changed in place. At most `batch`
   * streams of a causal model. Bits are those of {@link forward} stream by stream; {@link logits} answers for row s.
   */
  forwardBatch(ids: ArrayLike<number>, states: readonly Float32Array[]): void {
    const { stateCount: count } = this;
    this.#ids.set(ids);
    states.forEach((state, s) => {
      this.#states.set(state, s * count);
    });
    const { address, ids: at, states: statesAt } = this.#workspace;
    this.#kernels.modelDecode(this.#model.model, address, at, states.length, statesAt);
    states.forEach((state, s) => {
      state.set(this.#states.subarray(s * count, (s + 1) * count));
    });
  }

  /**
   * The logits after tokens [from, from + count) of the last forward, count x V; at most 32 rows.
   * A view that the next call overwrites.
   */
  logits(from: number, count: number): Float32Array {
    const { address, logits } = this.#workspace;
    this.#kernels.logitsForward(this.#model.model, address, logits, from, count);
    return this.#logits.subarray(0, count * this.config.vocabSize);
  }

  /** -ln p(targets[t]) for every token of the last forward, float64. A view that the next call overwrites. */
  nats(targets: ArrayLike<number>): Float64Array {
    const { address, logits, targets: targetsAt, nats } = this.#workspace;
    const { vocabSize: V } = this.config;
    this.#targets.set(targets);
    for (let t = 0; t < targets.length; t += LOGIT_ROWS) {
      const rows = Math.min(LOGIT_ROWS, targets.length - t);
      this.#kernels.logitsForward(this.#model.model, address, logits, t, rows);
      this.#kernels.crossEntropyForward(nats + t * 8, logits, targetsAt + t * 4, rows, V);
    }
    return this.#nats.subarray(0, targets.length);
  }

  /**
   * How likely each token is by one row of logits: gives for an id its -ln p, float64, the bits that {@link nats} gives.
   *
   * @param logits V numbers. What {@link logits} gave loses its first row.
   */
  natsOf(logits: Float32Array): (id: number) => number {
    const { logits: at, targets, nats } = this.#workspace;
    const best = likeliest(logits);
    const top = logits[best];
    this.#logits.set(logits);
    this.#targets[0] = best;
    this.#kernels.crossEntropyForward(nats, at, targets, 1, this.config.vocabSize);
    // of the likeliest token these are the log of the sum alone: as the kernel does it for any other
    const logOfSum = this.#nats[0];
    return (id) => logOfSum + (top - logits[id]);
  }

  /** softmax(logits / temperature), V numbers, by the engine's own exp: the same on every host. */
  probabilities(logits: Float32Array, temperature: number): Float32Array {
    const { logits: at } = this.#workspace;
    const { vocabSize: V } = this.config;
    const row = this.#logits.subarray(0, V);
    row.set(logits);
    this.#kernels.softmaxForward(at, at, temperature, V);
    return row;
  }
}
