import { OptionError } from "../engine/errors.ts";
import { sharedTurns } from "../engine/turns.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { Batch } from "./batch.ts";
import { Continuation, type ContinuationOptions, type FinishReason, type Piece } from "./continuation.ts";
import type { GenerateOptions } from "./generate.ts";
import { Prompt } from "./prompt.ts";
import type { Runner } from "./runner.ts";

/** How several texts are continued side by side. */
export interface BatchOptions extends GenerateOptions {
  /** Texts of each prompt, with seeds from `seed` on; default 1. */
  readonly count?: number;
}

/** A stretch of one of several texts. */
export interface BatchPiece extends Piece {
  /** Which text: those of the first prompt in order of seed, then those of the second, and so on. */
  readonly index: number;
}

/** One of several texts to come. */
export interface BatchRequest {
  /** The prompt's ids. Texts that share the array one after the other have it read once. */
  readonly ids: readonly number[];
  readonly options: ContinuationOptions;
}

/**
 * The texts that a call asks for.
 *
 * @param prompts texts, or the ids of their tokens
 * @throws OptionError for a count that is no whole number from 1, or that leads beyond the last seed; later for an id
 * outside the vocabulary.
 */
export function batchRequests(
  tokenizer: Tokenizer,
  prompts: readonly (string | readonly number[])[],
  options: BatchOptions,
): Iterable<BatchRequest> {
  const { count = 1, seed: firstSeed = 0 } = options;
  if (!Number.isInteger(count) || count < 1)
    throw new OptionError(`count is ${count}; it must be a whole number from 1`);
  const last = 2 ** 32 - 1;
  if (count > 1 && firstSeed + count - 1 > last) {
    throw new OptionError(
      `count is ${count}, which from seed ${firstSeed} on leads beyond the last seed, ${last}; give a smaller seed`,
    );
  }
  return requests();

  function* requests(): Generator<BatchRequest> {
    for (const prompt of prompts) {
      const ids = typeof prompt === "string" ? tokenizer.encode(prompt) : prompt;
      // of ids that come from outside each must be one
      if (ids === prompt) for (const id of ids) tokenizer.bytesOf(id);
      for (let i = 0; i < count; i++) yield { ids, options: { ...options, seed: firstSeed + i } };
    }
  }
}

/**
 * Generates several texts side by side, as many at a time as the model takes: a text that ends makes room for the next
 * one that waits. Each is the text that generateFrom gives for it alone.
 *
 * @param options.places texts at a time, if less than that
 * @throws OptionError for an option out of range; NotCausalError for a model with `headNorm: "window"`.
 */
export async function* generateTogether(
  runner: Runner,
  tokenizer: Tokenizer,
  requests: Iterable<BatchRequest>,
  { signal, places = runner.batch }: { readonly signal?: AbortSignal; readonly places?: number } = {},
): AsyncGenerator<BatchPiece, void, undefined> {
  const batch = new Batch<number>(places, runner.capacity);
  const waiting = requests[Symbol.iterator]();
  const turn = sharedTurns();
  let joined = 0;
  let prompt: Prompt | undefined;
  for (;;) {
    while (batch.free > 0) {
      const { value, done } = waiting.next();
      if (done) break;
      const { ids, options } = value;
      if (prompt?.ids !== ids) prompt = new Prompt(runner, tokenizer.eos, ids);
      batch.join(joined++, prompt, new Continuation(runner, tokenizer, ids, options));
    }
    if (batch.size === 0) return;
    await turn();
    signal?.throwIfAborted();
    for (const [index, piece] of batch.step()) yield { index, ...piece };
  }
}

/** Texts to generate, and a number that all workers see, so that any of them can take any text. */
export interface GenerationJob {
  readonly tokenizerJson: string;
  readonly requests: readonly BatchRequest[];
  /** One number: the next request that nobody has taken. */
  readonly next: Int32Array;
  /** One number: not 0 once the texts are not wanted any more. */
  readonly stop: Int32Array;
}

/** A whole generated text. */
export interface GeneratedText {
  /** Which text, as in {@link BatchPiece}. */
  readonly index: number;
  /** What was generated, without the prompt. */
  readonly text: string;
  /** Tokens generated. */
  readonly tokens: number;
  /** Why it ended. */
  readonly finishReason: FinishReason;
}

/** A worker's share: takes requests while it has room, and gives the texts that it generated; fewer once stopped. */
export async function generateShare(runner: Runner, job: GenerationJob, workers: number): Promise<GeneratedText[]> {
  const { tokenizerJson, requests, next, stop } = job;
  const taken: number[] = [];
  function* take(): Generator<BatchRequest> {
    for (;;) {
      const index = Atomics.add(next, 0, 1);
      if (index >= requests.length) return;
      taken.push(index);
      yield requests[index];
    }
  }
  // no more places than an even share: the first worker would take all
  const places = Math.min(runner.batch, Math.ceil(requests.length / workers));
  const texts: string[] = [];
  const done: GeneratedText[] = [];
  for await (const piece of generateTogether(runner, Tokenizer.fromJson(tokenizerJson), take(), { places })) {
    if (Atomics.load(stop, 0) !== 0) break;
    const { index, text, tokens, finishReason } = piece;
    texts[index] = (texts[index] ?? "") + text;
    if (finishReason) done.push({ index: taken[index], text: texts[index], tokens, finishReason });
  }
  return done;
}
