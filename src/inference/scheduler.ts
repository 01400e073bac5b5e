import { BusyError, OptionError } from "../engine/errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { Batch } from "./batch.ts";
import { Channel } from "./channel.ts";
import { Continuation, type Piece } from "./continuation.ts";
import { type BatchOptions, type BatchPiece, batchRequests } from "./generate-batch.ts";
import { nextTurn } from "./next-turn.ts";
import { Prompt } from "./prompt.ts";
import type { Runner } from "./runner.ts";
import type { TokenScore } from "./token-score.ts";

/** How much a scheduler takes on. */
export interface SchedulerOptions {
  /** Texts that grow at a time; default as many as go through the model at once, 32. */
  readonly places?: number;
  /** Texts that may wait for a place; default 256. */
  readonly waiting?: number;
}

/** What is asked of a scheduler in one call. */
export interface ScheduleOptions extends BatchOptions {
  /** With `alternatives`: scores the tokens of the prompts as well. */
  readonly scorePrompts?: boolean;
}

/** A stretch of a text that a scheduler generates. */
export interface ScheduledPiece extends BatchPiece {
  /** How well the prompt's tokens were predicted, if that was asked for and there are any; the same in every piece. */
  readonly promptScores?: readonly TokenScore[];
}

/** Tokens of prompts that are read in a step at most: as many as fill the kernels' lanes, twice. */
const PROMPT_TOKENS = 64;

interface Text {
  readonly call: Call;
  readonly index: number;
  readonly prompt: Prompt;
  readonly continuation: Continuation;
}

/** What was asked for at once, and how many of its texts have not ended. */
interface Call {
  readonly pieces: Channel<ScheduledPiece>;
  left: number;
}

/**
 * Generates texts for many who come and go (continuous batching, Yu 2022). At every step all texts grow by a token, in
 * one pass through the model; a text joins as soon as there is room, and makes room as soon as it ends. Each is the
 * text that it would be alone. Between two steps the event loop has a turn.
 *
 * Texts grow whether or not anybody fetches their pieces: who is slow holds no place for longer than others.
 */
export class Scheduler {
  readonly #runner: Runner;
  readonly #tokenizer: Tokenizer;
  readonly #most: number;
  readonly #batch: Batch<Text>;
  #queue: Text[] = [];
  #running = false;

  /** @throws OptionError for an option out of range. */
  constructor(runner: Runner, tokenizer: Tokenizer, options: SchedulerOptions = {}) {
    const { places = runner.batch, waiting = 256 } = options;
    checkCount("places", places, 1);
    checkCount("waiting", waiting, 0);
    this.#runner = runner;
    this.#tokenizer = tokenizer;
    this.#most = places + waiting;
    this.#batch = new Batch(places, PROMPT_TOKENS);
  }

  /** Texts that grow now. */
  get growing(): number {
    return this.#batch.size;
  }

  /** Texts that wait for a place. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Continues prompts, texts or token ids, as {@link Model.generateBatch} does. They are taken on at once, before the
   * first piece is fetched; when the signal aborts, or who fetches stops, their places are free.
   *
   * @throws OptionError for an option out of range; BusyError if so many more texts can neither grow nor wait.
   */
  generate(
    prompts: readonly (string | readonly number[])[],
    options: ScheduleOptions = {},
  ): AsyncGenerator<ScheduledPiece, void, undefined> {
    const { signal, count = 1, alternatives, scorePrompts = false } = options;
    signal?.throwIfAborted();
    const requests = batchRequests(this.#tokenizer, prompts, options);
    const taken = this.#batch.size + this.#queue.length;
    if (taken + prompts.length * count > this.#most) {
      throw new BusyError(
        `${prompts.length * count} texts are asked for and ${taken} of ${this.#most} places are taken; try again later`,
      );
    }
    const texts: Text[] = [];
    const call: Call = { pieces: new Channel(), left: prompts.length * count };
    for (const { ids, options: own } of requests) {
      const before = texts.at(-1)?.prompt;
      const scored = scorePrompts ? alternatives : undefined;
      const prompt = before?.ids === ids ? before : new Prompt(this.#runner, this.#tokenizer.eos, ids, scored);
      const continuation = new Continuation(this.#runner, this.#tokenizer, ids, own);
      texts.push({ call, index: texts.length, prompt, continuation });
    }
    if (texts.length === 0) call.pieces.close();
    this.#queue.push(...texts);
    if (!this.#running) void this.#run();
    return this.#fetch(texts, call, signal);
  }

  /** Steps, and a turn of the event loop before each, for as long as there are texts. */
  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      await nextTurn();
      for (const text of this.#queue.splice(0, this.#batch.free)) {
        this.#batch.join(text, text.prompt, text.continuation);
      }
      if (this.#batch.size === 0) break;
      try {
        for (const [text, piece] of this.#batch.step()) tell(text, piece);
      } catch (cause) {
        // a fault of ours: who waits for these texts is told, and the next find a batch that works
        for (const text of this.#batch.clear()) text.call.pieces.fail(cause);
      }
    }
    this.#running = false;
  }

  #fetch(texts: readonly Text[], { pieces }: Call, signal?: AbortSignal): AsyncGenerator<ScheduledPiece> {
    const leave = () => {
      for (const text of texts) this.#batch.leave(text);
      this.#queue = this.#queue.filter((text) => !texts.includes(text));
    };
    const abort = () => {
      leave();
      pieces.fail(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    return (async function* () {
      try {
        yield* pieces;
      } finally {
        leave();
        signal?.removeEventListener("abort", abort);
      }
    })();
  }
}

function tell({ call, index, prompt }: Text, piece: Piece): void {
  const { scores } = prompt;
  call.pieces.push({ index, ...piece, ...(scores.length > 0 && { promptScores: scores }) });
  if (piece.finishReason && --call.left === 0) call.pieces.close();
}

function checkCount(name: string, value: number, low: number): void {
  if (!Number.isInteger(value) || value < low) {
    throw new OptionError(`${name} is ${value}; it must be a whole number from ${low}`);
  }
}
