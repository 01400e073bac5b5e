import type { TokenSource } from "../corpus/token-source.ts";
import type { ModelConfig } from "../engine/config.ts";
import { TextError } from "../engine/errors.ts";
import { type EvaluationMode, refuseStream, type Scorer, sharedBuffer } from "./scoring.ts";

/** A score. */
export interface Evaluation {
  /** Sum of nats / ln 2 / bytes of the original UTF-8 text: the figure that compares across vocabularies. */
  readonly bitsPerByte: number;
  /** Sum of nats / tokens. */
  readonly natsPerToken: number;
  /** e^natsPerToken. */
  readonly perplexity: number;
  /** Tokens predicted, each story's `<eos>` included. */
  readonly tokens: number;
  /** Of the stories' text, whatever the tokens leave out of it. */
  readonly bytes: number;
  /** False: the model saw the tokens that it was scored on, so the figures say nothing about how well it predicts. */
  readonly causal: boolean;
}

/** What is scored: stories one after the other, and the UTF-8 bytes of their text. */
export interface ScoredText {
  readonly tokens: TokenSource;
  readonly bytes: number;
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

/** Tokens that are handed out at a time, about; between two hand-outs progress is told. */
const CHUNK = 65_536;

/**
 * Scores a text, story by story. The sum is taken in the text's order, so it does not depend on who scores what.
 *
 * Where no token ends a story, the text is scored as the release does it: in windows of seqLen tokens, each from nothing
 * but the token before it. The first token of all is not predicted then.
 *
 * @throws TextError without any token; NotCausalError for mode "stream" of a model with `headNorm: "window"`; the
 * signal's reason if it comes.
 */
export async function evaluateTokens(
  score: Scorer,
  { headNorm, seqLen }: ModelConfig,
  { tokens, bytes }: ScoredText,
  { mode = "window", onProgress, signal }: EvaluationOptions = {},
): Promise<Evaluation> {
  const { eos } = tokens;
  const first = eos === undefined ? 1 : 0;
  const predicted = tokens.length - first;
  if (predicted <= 0 || bytes === 0)
    throw new TextError("there is nothing to score; expected a text with at least one story");
  refuseStream(headNorm === "token", mode);
  let nats = 0;
  let before = eos ?? read(tokens, 0, 1)[0];
  for (let from = first; from < tokens.length; ) {
    signal?.throwIfAborted();
    const ids = eos === undefined ? wholeWindows(tokens, from, seqLen) : wholeStories(tokens, from, eos);
    const job = {
      mode,
      before,
      tokens: ids,
      starts: startsOf(ids, (start) => (eos === undefined ? start + seqLen : ids.indexOf(eos, start) + 1)),
      nats: new Float64Array(sharedBuffer(ids.length * 8)),
      next: new Int32Array(sharedBuffer(4)),
    };
    // to those who take stories it looks as if there were none left
    const stop = () => Atomics.store(job.next, 0, job.starts.length);
    signal?.addEventListener("abort", stop, { once: true });
    await score(job).finally(() => signal?.removeEventListener("abort", stop));
    signal?.throwIfAborted();
    for (const nat of job.nats) nats += nat;
    from += ids.length;
    before = ids[ids.length - 1];
    onProgress?.(from);
  }
  const natsPerToken = nats / predicted;
  return {
    bitsPerByte: nats / Math.LN2 / bytes,
    natsPerToken,
    perplexity: Math.E ** natsPerToken,
    tokens: predicted,
    bytes,
    causal: headNorm === "token",
  };
}

/** Where each story or window begins, and the end of the last. @param endOf where one that begins there ends. */
function startsOf(ids: Uint16Array, endOf: (start: number) => number): Uint32Array {
  const starts = [0];
  for (let to = 0; to < ids.length; ) {
    const end = endOf(to);
    // the last may not end within the text
    to = end > to && end < ids.length ? end : ids.length;
    starts.push(to);
  }
  return Uint32Array.from(starts);
}

/** The stories from a place on: as many as end within a chunk, or else the first alone. */
function wholeStories(tokens: TokenSource, from: number, eos: number): Uint16Array {
  for (let size = CHUNK; ; size *= 2) {
    const ids = read(tokens, from, size);
    if (from + ids.length === tokens.length) return ids;
    const end = ids.lastIndexOf(eos) + 1;
    if (end > 0) return ids.slice(0, end);
  }
}

/** The windows from a place on: as many as a chunk has room for, but at least one. */
function wholeWindows(tokens: TokenSource, from: number, seqLen: number): Uint16Array {
  return read(tokens, from, Math.max(1, Math.floor(CHUNK / seqLen)) * seqLen);
}

/** The tokens from a place on, `count` of them if there are as many. */
function read(tokens: TokenSource, from: number, count: number): Uint16Array {
  const ids = new Uint16Array(Math.min(count, tokens.length - from));
  tokens.read(from, ids);
  return ids;
}
