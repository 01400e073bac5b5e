import { OptionError } from "../engine/errors.ts";
import type { TokenDecoder, Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Runner } from "./runner.ts";
import { parseSampling, Sampler, type SamplingOptions } from "./sampler.ts";
import { checkAlternatives, scoreToken, type TokenScore } from "./token-score.ts";

/** How one text goes on, and when it ends. */
export interface ContinuationOptions extends Partial<SamplingOptions> {
  /** Tokens at most; default 256. */
  readonly maxTokens?: number;
  /** Texts at which to stop; they are not part of the result. */
  readonly stop?: string | readonly string[];
  /** Scores each token, and names so many of the likeliest in its place, 0 to 100; by default none is scored. */
  readonly alternatives?: number;
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
  /** The tokens since the last piece, those of a stop text included; with {@link ContinuationOptions.alternatives}. */
  readonly scores?: readonly TokenScore[];
}

/** One text as it grows: chooses its tokens, makes text of them, and knows when it ends. It runs no model. */
export class Continuation {
  readonly #runner: Runner;
  readonly #tokenizer: Tokenizer;
  readonly #sampler: Sampler;
  readonly #decoder: TokenDecoder;
  readonly #stops: readonly string[];
  readonly #maxTokens: number;
  readonly #alternatives: number | undefined;
  #scores: TokenScore[] = [];
  // text that could be the beginning of a stop is held back until it is known not to be
  #held = "";
  #tokens = 0;
  #last = -1;
  #finishReason: FinishReason | undefined;

  /**
   * @param context ids that were read already, for the repetition penalty.
   * @throws OptionError for an option out of range.
   */
  constructor(runner: Runner, tokenizer: Tokenizer, context: Iterable<number>, options: ContinuationOptions) {
    const { maxTokens = 256, stop = [], alternatives } = options;
    if (!Number.isInteger(maxTokens) || maxTokens < 0) {
      throw new OptionError(`maxTokens is ${maxTokens}; it must be a whole number from 0`);
    }
    this.#stops = typeof stop === "string" ? [stop] : stop;
    if (this.#stops.includes("")) throw new OptionError("stop is empty; a text to stop at has at least one character");
    if (alternatives !== undefined) checkAlternatives(alternatives);
    this.#maxTokens = maxTokens;
    this.#alternatives = alternatives;
    this.#runner = runner;
    this.#tokenizer = tokenizer;
    this.#sampler = new Sampler(runner, parseSampling(options));
    this.#sampler.observe(context);
    this.#decoder = tokenizer.decoder();
    if (maxTokens === 0) this.#finishReason = "length";
  }

  /** True once there is nothing more to come. */
  get ended(): boolean {
    return this.#finishReason !== undefined;
  }

  /** The token that was chosen last: what the session is to read before the next {@link step}; -1 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Chooses the next token from its logits, unless the text has ended. Gives what is certain by now, if anything is. */
  step(logits: Float32Array): Piece | undefined {
    const text = this.ended ? "" : this.#take(this.#choose(logits));
    if (text === "" && !this.ended) return undefined;
    const scores = this.#scores;
    this.#scores = [];
    return {
      text,
      tokens: this.#tokens,
      ...(this.#finishReason && { finishReason: this.#finishReason }),
      ...(this.#alternatives !== undefined && { scores }),
    };
  }

  #choose(logits: Float32Array): number {
    const id = this.#sampler.next(logits);
    if (this.#alternatives !== undefined) this.#scores.push(scoreToken(this.#runner, logits, id, this.#alternatives));
    return id;
  }

  #take(id: number): string {
    this.#last = id;
    this.#tokens++;
    if (id === this.#tokenizer.eos) return this.#end("eos");
    this.#held += this.#decoder.push(id);
    const stopAt = firstStop(this.#held, this.#stops);
    if (stopAt >= 0) {
      this.#finishReason = "stop";
      return this.#held.slice(0, stopAt);
    }
    if (this.#tokens === this.#maxTokens) return this.#end("length");
    const ready = this.#held.length - openStop(this.#held, this.#stops);
    const text = this.#held.slice(0, ready);
    this.#held = this.#held.slice(ready);
    return text;
  }

  #end(reason: FinishReason): string {
    this.#finishReason = reason;
    return this.#held + this.#decoder.flush();
  }
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
