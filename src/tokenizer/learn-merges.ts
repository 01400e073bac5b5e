import TinyQueue from "tinyqueue";
import { BYTE_ORDER, BYTE_SYMBOLS } from "./byte-symbols.ts";

/** In a cell between words, or where a token starts no more; no token has this id. */
const NONE = 0xffff;

/** Two tokens that are neighbours somewhere. */
interface Pair {
  readonly left: number;
  readonly right: number;
  /** How often they were neighbours when last counted: later merges only take some away. */
  count: number;
  /** The cells where the left token started then, in rising order. */
  readonly starts: number[];
}

/**
 * Learns byte pair encoding (Sennrich, Haddow and Birch 2016, arXiv:1508.07909): again and again the most frequent pair
 * of neighbours within words becomes a token. Among equally frequent pairs the older left token goes first, then the
 * older right one; bytes count as old in GPT-2's order. That is the order of Hugging Face's `BpeTrainer` with its
 * defaults (tokenizers/src/models/bpe/trainer.rs), so the merges are the same.
 *
 * Two pairs never make the same token: what is merged within a token's bytes does not depend on what is around them.
 *
 * @param words how often each word occurs.
 * @param limit how many merges at most, up to 65,276; there are fewer once every word is one token.
 * @returns the merges one by one, in byte symbols.
 */
export function* learnMerges(
  words: ReadonlyMap<string, number>,
  limit: number,
): Generator<[string, string], void, undefined> {
  const tokens = BYTE_ORDER.map((byte) => BYTE_SYMBOLS[byte] ?? "");
  const most = tokens.length + limit;
  const cells = new WordCells(words);
  const queue = new TinyQueue(cells.pairs(), compare);
  while (tokens.length < most) {
    const pair = queue.pop();
    if (!pair) return;
    // a count that has fallen since finds the pair's place anew, so that only pairs on top are ever counted again
    const count = cells.recount(pair);
    if (count < pair.count) {
      pair.count = count;
      if (count > 0) queue.push(pair);
      continue;
    }
    for (const made of cells.merge(pair)) queue.push(made);
    const left = tokens[pair.left] ?? "";
    const right = tokens[pair.right] ?? "";
    tokens.push(left + right);
    yield [left, right];
  }
}

/** The most frequent pair first, then the older tokens. */
function compare(a: Pair, b: Pair): number {
  return b.count - a.count || a.left - b.left || a.right - b.right;
}

/**
 * The different words as tokens, in a cell for each byte, with an empty cell around each word.
 *
 * A token's id stands in its first and in its last cell, so its neighbours are found without links.
 */
class WordCells {
  readonly #ids: Uint16Array;
  /** How often the word that a cell belongs to occurs. */
  readonly #weights: Uint32Array;
  /** How many cells each token has. */
  readonly #lengths: number[] = new Array(256).fill(1);

  constructor(words: ReadonlyMap<string, number>) {
    const utf8 = new TextEncoder();
    let size = 1;
    for (const word of words.keys()) size += utf8.encode(word).length + 1;
    const idOf = new Uint16Array(256);
    for (const [id, byte] of BYTE_ORDER.entries()) idOf[byte] = id;
    this.#ids = new Uint16Array(size).fill(NONE);
    this.#weights = new Uint32Array(size);
    let cell = 1;
    for (const [word, count] of words) {
      for (const byte of utf8.encode(word)) {
        this.#ids[cell] = idOf[byte] ?? NONE;
        this.#weights[cell++] = count;
      }
      cell++;
    }
  }

  /** All pairs, before any merge. */
  pairs(): Pair[] {
    const pairs = new Map<number, Pair>();
    for (let cell = 1; cell + 1 < this.#ids.length; cell++) {
      const left = this.#ids[cell] ?? NONE;
      const right = this.#ids[cell + 1] ?? NONE;
      if (left !== NONE && right !== NONE) this.#note(pairs, 256 * left + right, left, right, cell);
    }
    return [...pairs.values()];
  }

  /** Forgets where a pair is no more, and counts it where it is. */
  recount({ left, right, starts }: Pair): number {
    let count = 0;
    let kept = 0;
    for (const start of starts) {
      if (!this.#isAt(left, right, start)) continue;
      count += this.#weights[start] ?? 0;
      starts[kept++] = start;
    }
    starts.length = kept;
    return count;
  }

  /** Makes a token of a pair, from left to right wherever it is; returns the pairs that this token is part of. */
  merge({ left, right, starts }: Pair): Pair[] {
    const ids = this.#ids;
    const token = this.#lengths.length;
    const lengthOfLeft = this.#lengths[left] ?? 0;
    const length = lengthOfLeft + (this.#lengths[right] ?? 0);
    this.#lengths.push(length);
    const before = new Map<number, Pair>();
    const after = new Map<number, Pair>();
    for (const start of starts) {
      // in "aaa" the first pair has taken the second one's left token
      if (!this.#isAt(left, right, start)) continue;
      const middle = start + lengthOfLeft;
      const end = start + length;
      ids[middle] = NONE;
      ids[start] = token;
      ids[end - 1] = token;
      const previous = ids[start - 1] ?? NONE;
      const next = ids[end] ?? NONE;
      if (previous !== NONE) this.#note(before, previous, previous, token, start - (this.#lengths[previous] ?? 0));
      if (next !== NONE) this.#note(after, next, token, next, start);
    }
    return [...before.values(), ...after.values()];
  }

  #isAt(left: number, right: number, start: number): boolean {
    return this.#ids[start] === left && this.#ids[start + (this.#lengths[left] ?? 0)] === right;
  }

  #note(pairs: Map<number, Pair>, key: number, left: number, right: number, start: number): void {
    const count = this.#weights[start] ?? 0;
    const pair = pairs.get(key);
    if (pair) {
      pair.count += count;
      pair.starts.push(start);
    } else {
      pairs.set(key, { left, right, count, starts: [start] });
    }
  }
}
