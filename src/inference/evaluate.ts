import type { TokenSource } from "../corpus/token-source.ts";
import type { ModelConfig } from "../engine/config.ts";
import { TextError } from "../engine/errors.ts";
import { type EvaluationMode, refuseStream, type Scorer, sharedBuffer } from "./scoring.ts";

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

/** What is scored: stories one after the other, each ended by `<eos>`, and the UTF-8 bytes of their text. */
export interface ScoredText {
  readonly tokens: TokenSource;
  readonly bytes: number;
  readonly eos: number;
}

/** How a text is scored. */
export interface EvaluationOptions {
  /** Default "window". */
  readonly mode?: EvaluationMode | undefined;
  /** Called now and then with the tokens done. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
  /** Ends the work: on threads within a story's time, on the calling thread at the next progress. */
  readonly signal?: AbortSignal | undefined;
}

/** Tokens that are handed out at a time; between two hand-outs progress is told. */
const CHUNK = 65_536;

/**
 * Scores a text, story by story. The sum is taken in the text's order, so it does not depend on who scores what.
 *
 * @throws TextError without any token; NotCausalError for mode "stream" of a model with `headNorm: "window"`; the
 * signal's reason if it comes.
 */
export async function evaluateTokens(
  score: Scorer,
  { headNorm }: ModelConfig,
  { tokens, bytes, eos }: ScoredText,
  { mode = "window", onProgress, signal }: EvaluationOptions = {},
): Promise<Evaluation> {
  if (tokens.length === 0 || bytes === 0)
    throw new TextError("there is nothing to score; expected a text with at least one story");
  refuseStream(headNorm === "token", mode);
  let nats = 0;
  for (let from = 0; from < tokens.length; ) {
    signal?.throwIfAborted();
    const ids = wholeStories(tokens, from, eos);
    const starts = [0];
    for (let to = 0; to < ids.length; ) {
      const end = ids.indexOf(eos, to);
      to = end < 0 ? ids.length : end + 1;
      starts.push(to);
    }
    const job = {
      eos,
      mode,
      tokens: ids,
      starts: Uint32Array.from(starts),
      nats: new Float64Array(sharedBuffer(ids.length * 8)),
      next: new Int32Array(sharedBuffer(4)),
    };
    // to those who take stories it looks as if there were none left
    const stop = () => Atomics.store(job.next, 0, starts.length);
    signal?.addEventListener("abort", stop, { once: true });
    await score(job).finally(() => signal?.removeEventListener("abort", stop));
    signal?.throwIfAborted();
    for (const nat of job.nats) nats += nat;
    from += ids.length;
    onProgress?.(from);
  }
  const natsPerToken = nats / tokens.length;
  return {
    bitsPerByte: nats / Math.LN2 / bytes,
    natsPerToken,
    perplexity: Math.E ** natsPerToken,
    tokens: tokens.length,
    bytes,
    causal: headNorm === "token",
  };
}

/** The stories from a place on: as many as end within a chunk, or else the first alone. */
function wholeStories(tokens: TokenSource, from: number, eos: number): Uint16Array {
  for (let size = CHUNK; ; size *= 2) {
    const ids = new Uint16Array(Math.min(size, tokens.length - from));
    tokens.read(from, ids);
    if (from + ids.length === tokens.length) return ids;
    const end = ids.lastIndexOf(eos) + 1;
    if (end > 0) return ids.slice(0, end);
  }
}
