import { NotCausalError, OptionError } from "../engine/errors.ts";
import { LOGIT_ROWS } from "../engine/workspace-plan.ts";
import { readSession, type SessionContent, writeSession } from "../formats/session-file.ts";
import type { Runner } from "./runner.ts";
import { checkAlternatives, scoreToken, type TokenScore } from "./token-score.ts";

/**
 * One text being read or written: a state of constant size, however long it gets. Sessions of a model are
 * independent; each costs its state (83 KB for `v5`) and one row of logits (33 KB).
 */
export class Session {
  readonly #runner: Runner;
  readonly #state: Float32Array;
  #logits: Float32Array;
  #position: number;

  /**
   * @internal Users have model.session() and clone().
   * @throws NotCausalError for `headNorm: "window"`, where a token's features depend on the tokens after it.
   */
  constructor(runner: Runner, from?: SessionContent) {
    if (runner.config.headNorm === "window") {
      throw new NotCausalError(
        'this model has headNorm "window": every token sees the whole window, so it cannot stream or generate; only `eval --mode window` and `audit` work on it',
      );
    }
    this.#runner = runner;
    this.#state = from ? from.state.slice() : new Float32Array(runner.stateCount);
    this.#logits = from ? from.logits.slice() : new Float32Array(0);
    this.#position = from?.position ?? 0;
  }

  /** How many tokens have been read. */
  get position(): number {
    return this.#position;
  }

  /** Bytes that this session holds beside the model: its state and its logits. */
  get bytes(): number {
    return this.#state.byteLength + this.#logits.byteLength;
  }

  /** The logits of the next token, V numbers, not to be written to; empty before the first {@link append}. */
  get logits(): Float32Array {
    return this.#logits;
  }

  /**
   * Reads tokens on. One call or many, the bits are the same.
   *
   * @throws OptionError for an id outside 0..vocabSize-1.
   */
  append(ids: ArrayLike<number>): void {
    const { capacity } = this.#runner;
    checkIds(ids, this.#runner);
    if (ids.length === 0) return;
    let last = 0;
    for (let from = 0; from < ids.length; from += capacity) {
      const chunk = Array.prototype.slice.call(ids, from, from + capacity);
      this.#runner.forward(chunk, this.#state);
      last = chunk.length - 1;
    }
    this.#logits = this.#runner.logits(last, 1).slice();
    this.#position += ids.length;
  }

  /**
   * Reads tokens on as {@link append} does, and gives how well each was predicted by those before it.
   *
   * @param alternatives how many of the likeliest tokens to name in the place of each
   * @throws OptionError for an id outside 0..vocabSize-1, for alternatives out of range, and for a session that has read
   * nothing, from which nothing is predicted: a story begins after `<eos>`.
   */
  score(ids: ArrayLike<number>, alternatives = 0): TokenScore[] {
    const runner = this.#runner;
    const { vocabSize: V } = runner.config;
    checkIds(ids, runner);
    checkAlternatives(alternatives);
    if (ids.length === 0) return [];
    if (this.#position === 0) {
      throw new OptionError("nothing has been read that the first token is predicted from; append <eos> before");
    }
    const scores: TokenScore[] = [];
    const size = Math.min(LOGIT_ROWS, runner.capacity);
    for (let from = 0; from < ids.length; from += size) {
      const [first, ...others] = Array.prototype.slice.call(ids, from, from + size);
      scores.push(scoreToken(runner, this.#logits, first, alternatives));
      this.append([first, ...others]);
      const rows = runner.logits(0, others.length);
      others.forEach((id, t) => {
        scores.push(scoreToken(runner, rows.subarray(t * V, (t + 1) * V), id, alternatives));
      });
    }
    return scores;
  }

  /**
   * Reads one token into each of several sessions of one model: ids[s] into sessions[s]. They go through the model side
   * by side, which is faster than one after the other and gives each the same bits.
   *
   * @throws OptionError for an id outside 0..vocabSize-1, for numbers of ids and sessions that differ, for sessions
   * that are not all different or not all of one model; no session has then read anything.
   */
  static appendEach(sessions: readonly Session[], ids: readonly number[]): void {
    const [first] = sessions;
    if (ids.length !== sessions.length) {
      throw new OptionError(`there are ${ids.length} ids for ${sessions.length} sessions; expected one for each`);
    }
    if (!first) return;
    const runner = first.#runner;
    checkIds(ids, runner);
    if (new Set(sessions).size < sessions.length) throw new OptionError("a session is given twice; it reads one token");
    if (sessions.some((session) => session.#runner !== runner)) {
      throw new OptionError("the sessions are of different models; only those of one model read side by side");
    }
    for (let from = 0; from < sessions.length; from += runner.batch) {
      const group = sessions.slice(from, from + runner.batch);
      runner.forwardBatch(
        ids.slice(from, from + runner.batch),
        group.map((session) => session.#state),
      );
      const logits = runner.logits(0, group.length);
      const { vocabSize: V } = runner.config;
      group.forEach((session, s) => {
        session.#logits = logits.slice(s * V, (s + 1) * V);
        session.#position++;
      });
    }
  }

  /** An independent copy that goes on from here. */
  clone(): Session {
    return new Session(this.#runner, this.#content);
  }

  /** The session as bytes, whose number does not depend on how much was read; model.restoreSession reads them. */
  save(): Uint8Array {
    return writeSession(this.#runner, this.#content);
  }

  /**
   * @internal Users have model.restoreSession().
   * @throws FormatError for bytes that {@link save} did not give, for damaged ones and for those of another model.
   */
  static restore(runner: Runner, bytes: Uint8Array): Session {
    return new Session(runner, readSession(runner, bytes));
  }

  get #content(): SessionContent {
    return { position: this.#position, state: this.#state, logits: this.#logits };
  }
}

function checkIds(ids: ArrayLike<number>, runner: Runner): void {
  const { vocabSize } = runner.config;
  for (let i = 0; i < ids.length; i++) {
    if (!Number.isInteger(ids[i]) || ids[i] < 0 || ids[i] >= vocabSize) {
      throw new OptionError(`token id ${ids[i]} is not in the vocabulary; expected 0..${vocabSize - 1}`);
    }
  }
}
