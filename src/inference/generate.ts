import { OptionError } from "../engine/errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Runner } from "./runner.ts";
import { parseSampling, Sampler, type SamplingOptions } from "./sampler.ts";
import type { Session } from "./session.ts";

/** How a text is continued. */
export interface GenerateOptions extends Partial<SamplingOptions> {
  /** Tokens at most; default 256. */
  readonly maxTokens?: number;
  /** Texts at which to stop; they are not part of the result. */
  readonly stop?: string | readonly string[];
  /** Ends the generation with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Why a generation ended: the model ended its story, a stop text came, or maxTokens were reached. */
export type FinishReason = "eos" | "stop" | "length";

/** A stretch of generated text. */
export interface Piece {
  /** Whole characters only; may be empty in the last piece. */
  readonly text: string;
  /** Tokens generated so far. */
  readonly tokens: number;
  /** Set in the last piece alone. */
  readonly finishReason?: FinishReason;
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
  const { maxTokens = 256, signal } = options;
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new OptionError(`maxTokens is ${maxTokens}; it must be a whole number from 0`);
  }
  const stops = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  if (stops.includes("")) throw new OptionError("stop is empty; a text to stop at has at least one character");
  const sampler = new Sampler(runner, parseSampling(options));
  sampler.observe(context);
  const decoder = tokenizer.decoder();
  // text that could be the beginning of a stop is held back until it is known not to be
  let held = "";
  let tokens = 0;
  while (tokens < maxTokens) {
    signal?.throwIfAborted();
    const id = sampler.next(session.logits);
    tokens++;
    if (id === tokenizer.eos) {
      yield { text: held + decoder.flush(), tokens, finishReason: "eos" };
      return;
    }
    held += decoder.push(id);
    const stopAt = firstStop(held, stops);
    if (stopAt >= 0) {
      yield { text: held.slice(0, stopAt), tokens, finishReason: "stop" };
      return;
    }
    const ready = held.length - openStop(held, stops);
    if (ready > 0) yield { text: held.slice(0, ready), tokens };
    held = held.slice(ready);
    if (tokens < maxTokens) session.append([id]);
  }
  yield { text: held + decoder.flush(), tokens, finishReason: "length" };
}

/** Where the earliest stop text begins, or -1. */
function firstStop(text: string, stops: readonly string[]): number {
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return found.length === 0 ? -1 : Math.min(...found);
}

/** How many characters at the end of the text could begin a stop text. */
function openStop(text: string, stops: readonly string[]): number {
  let open = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > open; length--) {
      if (text.endsWith(stop.slice(0, length))) open = length;
    }
  }
  return open;
}
