import { sharedTurns } from "../engine/turns.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { Continuation, type ContinuationOptions, type Piece } from "./continuation.ts";
import type { Runner } from "./runner.ts";
import type { Session } from "./session.ts";

/** How a text is continued. */
export interface GenerateOptions extends ContinuationOptions {
  /** Ends the generation with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Reads a prompt into a session, a stretch at a time: a long one leaves the thread to others now and then.
 *
 * @throws the signal's reason if it comes; OptionError for an id outside 0..vocabSize-1.
 */
export async function readPrompt(
  session: Session,
  { capacity }: Runner,
  ids: readonly number[],
  signal?: AbortSignal,
): Promise<void> {
  const turn = sharedTurns();
  for (let from = 0; from < ids.length; from += capacity) {
    signal?.throwIfAborted();
    session.append(ids.slice(from, from + capacity));
    await turn();
  }
}

/**
 * Continues what a session has read, piece by piece. The session advances with it.
 *
 * @param context ids that the session has read already, for the repetition penalty.
 * @throws OptionError for an option out of range.
 */
export async function* generateFrom(
  session: Session,
  runner: Runner,
  tokenizer: Tokenizer,
  context: Iterable<number>,
  options: GenerateOptions,
): AsyncGenerator<Piece, void, undefined> {
  const continuation = new Continuation(runner, tokenizer, context, options);
  const turn = sharedTurns();
  for (;;) {
    await turn();
    options.signal?.throwIfAborted();
    const piece = continuation.step(session.logits);
    if (piece) yield piece;
    if (continuation.ended) return;
    session.append([continuation.last]);
  }
}
