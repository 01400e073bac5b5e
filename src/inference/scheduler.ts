import { BusyError, OptionError } from "../engine/errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { Channel } from "./channel.ts";
import { Continuation } from "./continuation.ts";
import { type BatchOptions, type BatchPiece, batchRequests } from "./generate-batch.ts";
import type { LaneCrew, LanePiece, LaneText } from "./lane.ts";
import type { Runner } from "./runner.ts";
import type { TokenScore } from "./token-score.ts";

/** How much a scheduler takes on. */
export interface SchedulerOptions {
  /** Texts that grow at a time; default 32 for each thread, as many as go through the model at once. */
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
  /** In a text's first piece, if asked for: how well the prompt's tokens were predicted. */
  readonly promptScores?: readonly TokenScore[];
}

/** What was asked for at once, and how many of its texts have not ended. */
interface Call {
  readonly pieces: Channel<ScheduledPiece>;
  left: number;
}

interface Text extends LaneText {
  readonly call: Call;
  readonly index: number;
}

/** Those that grow in one lane, and what it is to be told at its next turn. */
interface Lane {
  readonly crew: LaneCrew;
  readonly texts: Map<number, Text>;
  joining: Text[];
  leaving: number[];
  running: boolean;
}

/**
 * Generates texts for many who come and go (continuous batching, Yu 2022). All texts of a lane, which is a thread or
 * the calling one, grow by a token at every step, in one pass through the model; a text joins as soon as there is room,
 * and makes room as soon as it ends. Each is the text that it would be alone.
 *
 * Texts grow whether or not anybody fetches their pieces: who is slow holds no place for longer than others.
 */
export class Scheduler {
  readonly #runner: Runner;
  readonly #tokenizer: Tokenizer;
  readonly #lanes: readonly Lane[];
  readonly #places: number;
  readonly #waiting: number;
  #queue: Text[] = [];
  #keys = 0;

  /**
   * @internal Users have model.scheduler().
   * @param startLanes called once the options are known to be good
   * @throws OptionError for an option out of range.
   */
  constructor(
    runner: Runner,
    tokenizer: Tokenizer,
    startLanes: () => readonly LaneCrew[],
    { places, waiting = 256 }: SchedulerOptions = {},
  ) {
    checkCount("places", places ?? 1, 1);
    checkCount("waiting", waiting, 0);
    this.#runner = runner;
    this.#tokenizer = tokenizer;
    this.#lanes = startLanes().map((crew) => ({ crew, texts: new Map(), joining: [], leaving: [], running: false }));
    this.#places = places ?? runner.batch * this.#lanes.length;
    this.#waiting = waiting;
  }

  /** Texts that grow now. */
  get growing(): number {
    return this.#lanes.reduce((sum, { texts }) => sum + texts.size, 0);
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
    const { signal, count = 1, scorePrompts = false, ...plain } = options;
    signal?.throwIfAborted();
    // what is wrong with the options is said here, and not by a lane
    new Continuation(this.#runner, this.#tokenizer, [], plain);
    const requests = batchRequests(this.#tokenizer, prompts, options);
    const [asked, taken, most] = [prompts.length * count, this.growing + this.waiting, this.#places + this.#waiting];
    if (taken + asked > most) {
      throw new BusyError(`${asked} texts are asked for and ${taken} of ${most} places are taken; try again later`);
    }
    const call: Call = { pieces: new Channel(), left: asked };
    const texts = Array.from(requests, ({ ids, options: { seed } }, index): Text => {
      return { key: this.#keys++, ids, options: { ...plain, seed }, scorePrompt: scorePrompts, call, index };
    });
    if (asked === 0) call.pieces.close();
    this.#queue.push(...texts);
    this.#admit();
    return this.#fetch(texts, call, signal);
  }

  #fetch(
    texts: readonly Text[],
    { pieces }: Call,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ScheduledPiece, void, undefined> {
    const abort = () => {
      this.#leave(texts);
      pieces.fail(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    const leave = () => {
      this.#leave(texts);
      signal?.removeEventListener("abort", abort);
    };
    return (async function* () {
      try {
        yield* pieces;
      } finally {
        leave();
      }
    })();
  }

  /** Gives places to those who wait, each in the lane with the fewest texts. */
  #admit(): void {
    for (const text of this.#queue.splice(0, this.#places - this.growing)) {
      const lane = this.#lanes.reduce((best, other) => (other.texts.size < best.texts.size ? other : best));
      lane.texts.set(text.key, text);
      lane.joining.push(text);
      if (!lane.running) void this.#run(lane);
    }
  }

  #leave(texts: readonly Text[]): void {
    const keys = new Set(texts.map(({ key }) => key));
    this.#queue = this.#queue.filter(({ key }) => !keys.has(key));
    for (const lane of this.#lanes) {
      lane.joining = lane.joining.filter(({ key }) => !keys.has(key));
      for (const key of keys) if (lane.texts.delete(key)) lane.leaving.push(key);
    }
    this.#admit();
  }

  /** Turn after turn, for as long as a lane has texts. */
  async #run(lane: Lane): Promise<void> {
    lane.running = true;
    while (lane.texts.size > 0 || lane.leaving.length > 0) {
      const { crew, texts, joining, leaving } = lane;
      lane.joining = [];
      lane.leaving = [];
      try {
        const plain = joining.map(({ key, ids, options, scorePrompt }) => ({ key, ids, options, scorePrompt }));
        const [pieces] = await crew.run({ joining: plain, leaving, ms: turnOf(texts.size) });
        for (const piece of pieces) tell(texts, piece);
      } catch (cause) {
        // who waits for these texts is told; the lane has lost them
        for (const { call } of texts.values()) call.pieces.fail(cause);
        texts.clear();
        lane.joining = [];
      }
      this.#admit();
    }
    lane.running = false;
  }
}

/** Few texts are told of often, many at once: to tell of a piece costs the same however long it is. Milliseconds. */
function turnOf(texts: number): number {
  return Math.min(10, 1 + texts / 4);
}

/** Hands on what a text has grown by, unless it has been given up. */
function tell(texts: Map<number, Text>, { key, ...piece }: LanePiece): void {
  const text = texts.get(key);
  if (!text) return;
  const { call, index } = text;
  call.pieces.push({ index, ...piece });
  if (!piece.finishReason) return;
  texts.delete(key);
  if (--call.left === 0) call.pieces.close();
}

function checkCount(name: string, value: number, low: number): void {
  if (!Number.isInteger(value) || value < low) {
    throw new OptionError(`${name} is ${value}; it must be a whole number from ${low}`);
  }
}
