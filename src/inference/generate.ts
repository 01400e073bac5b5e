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
  for (;;) {
    options.signal?.throwIfAborted();
    const piece = continuation.step(session.logits);
    if (piece) yield piece;
    if (continuation.ended) return;
    session.append([continuation.last]);
  }
}
