import { NotCausalError, TextError } from "../engine/errors.ts";
import type { Runner } from "./runner.ts";

/** How a text is run through the model: in windows of up to seqLen tokens, or token by token as generation does. */
export type EvaluationMode = "window" | "stream";

/** A score. */
export interface Evaluation {
  /** Sum of nats / ln 2 / bytes of the original UTF-8 text: the figure that compares across vocabularies. */
  readonly bitsPerByte: number;
  readonly natsPerToken: number;
  /** e^natsPerToken. */
  readonly perplexity: number;
  /** Tokens predicted, each story's `<eos>` included. */
  readonly tokens: number;
  readonly bytes: number;
  /** False: the model saw the tokens that it was scored on, so the figures say nothing about how well it predicts. */
  readonly causal: boolean;
}

/**
 * -ln p of every token of one story, in order. The story is read from nothing after one `<eos>`, which stands for the
 * end of the story before; its own `<eos>` is predicted too. `ids` ends with `<eos>`.
 *
 * A causal model carries its state from window to window, so both modes give the same bits. A model with
 * `headNorm: "window"` sees each window whole and starts each from nothing, as it was trained.
 *
 * @throws NotCausalError for mode "stream" of a model with `headNorm: "window"`.
 */
export function scoreStory(
  runner: Runner,
  eos: number,
  ids: ArrayLike<number>,
  mode: EvaluationMode = "window",
): Float64Array {
  const causal = runner.config.headNorm === "token";
  if (mode === "stream" && !causal) {
    throw new NotCausalError('this model has headNorm "window" and cannot be scored token by token; use --mode window');
  }
  const inputs = new Int32Array(ids.length);
  for (let t = 1; t < ids.length; t++) inputs[t] = ids[t - 1];
  inputs[0] = eos;
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

/**
 * Scores tokens, stories one after the other, each ended by `<eos>`.
 *
 * @param bytes UTF-8 bytes of the stories' text.
 * @param onProgress called after each story with the tokens done.
 * @throws TextError without any token; NotCausalError as {@link scoreStory}.
 */
export function evaluateTokens(
  runner: Runner,
  eos: number,
  tokens: Uint16Array,
  bytes: number,
  mode: EvaluationMode = "window",
  onProgress?: (tokens: number) => void,
): Evaluation {
  if (tokens.length === 0 || bytes === 0)
    throw new TextError("there is nothing to score; expected a text with at least one story");
  let nats = 0;
  for (let from = 0; from < tokens.length; ) {
    const end = tokens.indexOf(eos, from);
    const to = end < 0 ? tokens.length : end + 1;
    for (const nat of scoreStory(runner, eos, tokens.subarray(from, to), mode)) nats += nat;
    from = to;
    onProgress?.(to);
  }
  const natsPerToken = nats / tokens.length;
  return {
    bitsPerByte: nats / Math.LN2 / bytes,
    natsPerToken,
    perplexity: Math.E ** natsPerToken,
    tokens: tokens.length,
    bytes,
    causal: runner.config.headNorm === "token",
  };
}
