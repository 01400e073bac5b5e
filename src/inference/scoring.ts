import { NotCausalError } from "../engine/errors.ts";
import { sharedTurns } from "../engine/turns.ts";
import type { Runner } from "./runner.ts";

/** How a text is run through the model: in windows of up to seqLen tokens, or token by token as generation does. */
export type EvaluationMode = "window" | "stream";

/** Stories to score and where the result goes: arrays that all workers see, so that any of them can take any story. */
export interface ScoringJob {
  readonly mode: EvaluationMode;
  /** The token before the first story: `<eos>`, which ends the one before. */
  readonly before: number;
  /** Stories one after the other, each ended by `<eos>`; or windows, one after the other. */
  readonly tokens: Uint16Array;
  /** Where each story begins, and the end of the last. */
  readonly starts: Uint32Array;
  /** -ln p of every token. */
  readonly nats: Float64Array;
  /** One number: the next story that nobody has taken. */
  readonly next: Int32Array;
}

/** Gets the stories of a job scored, by whoever does it. */
export type Scorer = (job: ScoringJob) => Promise<unknown>;

/** Takes stories until there are none left, and scores them. What a story gets does not depend on who takes it. */
export async function scoreStories(
  runner: Runner,
  { mode, before, tokens, starts, nats, next }: ScoringJob,
): Promise<void> {
  const turn = sharedTurns();
  for (;;) {
    await turn();
    const story = Atomics.add(next, 0, 1);
    if (story >= starts.length - 1) return;
    const from = starts[story];
    const ids = tokens.subarray(from, starts[story + 1]);
    nats.set(scoreStory(runner, from === 0 ? before : tokens[from - 1], ids, mode), from);
  }
}

/**
 * -ln p of every token of one story, in order. The story is read from nothing after the one token before it, the
 * `<eos>` that ends another; its own `<eos>`, with which `ids` ends, is predicted too.
 *
 * A causal model carries its state from window to window, so both modes give the same bits. A model with
 * `headNorm: "window"` sees each window whole and starts each from nothing, as it was trained.
 *
 * @throws NotCausalError for mode "stream" of a model with `headNorm: "window"`.
 */
export function scoreStory(
  runner: Runner,
  before: number,
  ids: ArrayLike<number>,
  mode: EvaluationMode = "window",
): Float64Array {
  const causal = runner.config.headNorm === "token";
  refuseStream(causal, mode);
  const inputs = new Int32Array(ids.length);
  for (let t = 1; t < ids.length; t++) inputs[t] = ids[t - 1];
  inputs[0] = before;
  const state = causal ? new Float32Array(runner.stateCount) : undefined;
  const size = mode === "stream" ? 1 : Math.min(runner.capacity, runner.config.seqLen);
  const nats = new Float64Array(ids.length);
  const targets = Int32Array.from(ids);
  for (let from = 0; from < ids.length; from += size) {
    const to = Math.min(ids.length, from + size);
    runner.forward(inputs.subarray(from, to), state);
    nats.set(runner.nats(targets.subarray(from, to)), from);
  }
  return nats;
}

/** @throws NotCausalError for mode "stream" of a model that is not causal. */
export function refuseStream(causal: boolean, mode: EvaluationMode): void {
  if (mode === "stream" && !causal) {
    throw new NotCausalError('this model has headNorm "window" and cannot be scored token by token; use --mode window');
  }
}

/** Memory that other threads can see, where this runtime has such. */
export function sharedBuffer(bytes: number): ArrayBuffer | SharedArrayBuffer {
  return typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);
}
