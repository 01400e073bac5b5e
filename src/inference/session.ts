import { NotCausalError, OptionError } from "../engine/errors.ts";
import type { Runner } from "./runner.ts";

/**
 * One text being read or written: a state of constant size, however long it gets. Sessions of a model are
 * independent; each costs its state (83 KB for `v5`) and one row of logits.
 */
export class Session {
  readonly #runner: Runner;
  readonly #state: Float32Array;
  #logits: Float32Array;
  #position: number;

  /**
   * @throws NotCausalError for `headNorm: "window"`, where a token's features depend on the tokens after it.
   */
  constructor(
    runner: Runner,
    from?: { readonly state: Float32Array; readonly logits: Float32Array; readonly position: number },
  ) {
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
    const { capacity, config } = this.#runner;
    for (let i = 0; i < ids.length; i++) {
      if (!Number.isInteger(ids[i]) || ids[i] < 0 || ids[i] >= config.vocabSize) {
        throw new OptionError(`token id ${ids[i]} is not in the vocabulary; expected 0..${config.vocabSize - 1}`);
      }
    }
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

  /** An independent copy that goes on from here. */
  clone(): Session {
    return new Session(this.#runner, { state: this.#state, logits: this.#logits, position: this.#position });
  }
}
