import { OptionError, TextError } from "../engine/errors.ts";
import { hash32 } from "../engine/random.ts";
import { permute } from "./permutation.ts";

const MAX_TOKENS = 2 ** 32;

/** @throws TextError for more tokens than windows can be drawn from: 2^32. */
export function checkTokens(tokens: number): void {
  if (tokens <= MAX_TOKENS) return;
  throw new TextError(
    `the text has more than ${MAX_TOKENS} tokens to train on, the most that are supported; less text would do, or a larger vocabulary`,
  );
}

/**
 * Draws training windows so that each epoch covers the corpus once, in an order of its own.
 *
 * An epoch cuts the corpus into consecutive windows from an offset that depends on (seed, epoch), and visits them in
 * a pseudo-random order. No token is a target twice in an epoch, and fewer than 2 * seqLen are no target. Nothing is
 * remembered: the window of any index can be computed at any time, which is what resuming a run needs.
 */
export class WindowSampler {
  /** How many windows an epoch has; the same for every epoch. */
  readonly windowsPerEpoch: number;

  readonly #seqLen: number;
  readonly #seedKey: number;
  /** How many offsets the first window of an epoch may have. */
  readonly #offsets: number;

  /**
   * @param options.tokens how many tokens the corpus has, at most 2^32.
   * @param options.seqLen how many targets a window has.
   * @param options.seed a whole number from 0.
   * @throws OptionError for a seqLen or seed that is no such number; TextError if the corpus has no whole window.
   */
  constructor(options: { readonly tokens: number; readonly seqLen: number; readonly seed: number }) {
    const { tokens, seqLen, seed } = options;
    if (!Number.isSafeInteger(seqLen) || seqLen < 1) {
      throw new OptionError(`seq-len ${seqLen} is not a whole number from 1`);
    }
    if (!Number.isSafeInteger(seed) || seed < 0) throw new OptionError(`seed ${seed} is not a whole number from 0`);
    if (tokens < seqLen + 1) {
      throw new TextError(
        `the text has ${tokens} tokens, fewer than the ${seqLen + 1} of one window; a shorter --seq-len or more text would do`,
      );
    }
    checkTokens(tokens);

    this.#seqLen = seqLen;
    this.#seedKey = hash64(seed, 0);
    // As many windows as fit behind every offset; a text shorter than two windows has one and fewer offsets.
    this.windowsPerEpoch = Math.max(1, Math.floor((tokens - seqLen) / seqLen));
    this.#offsets = Math.min(seqLen, tokens - this.windowsPerEpoch * seqLen);
  }

  /**
   * Where the window of an index starts: its inputs are tokens start..start+seqLen-1, its targets one later.
   *
   * @param index 0, 1, 2, ... over all epochs.
   * @throws OptionError for anything else.
   */
  at(index: number): number {
    if (!Number.isSafeInteger(index) || index < 0) {
      throw new OptionError(`window index ${index} is not a whole number from 0`);
    }
    const position = index % this.windowsPerEpoch;
    const epoch = (index - position) / this.windowsPerEpoch;
    const key = hash64(epoch, this.#seedKey);
    const offset = hash32(0, key) % this.#offsets;
    return offset + permute(position, this.windowsPerEpoch, key) * this.#seqLen;
  }
}

/** A 32-bit hash of a whole number below 2^53 and a key. */
function hash64(value: number, key: number): number {
  return hash32(value >>> 0, hash32(Math.floor(value / 2 ** 32), key));
}
