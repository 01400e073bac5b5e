import TinyQueue from "tinyqueue";

/** In a cell whose bytes belong to a token that starts before it. */
const JOINED = -1;

/** Two neighbours in a word that may become one token. */
interface Pair {
  /** The cell where the left one starts. */
  readonly start: number;
  readonly left: number;
  readonly right: number;
  /** Which merge joins them; the first goes first. */
  readonly rank: number;
}

/** Byte pair encoding of words (Sennrich, Haddow and Birch 2016, arXiv:1508.07909), from ids to ids. */
export class BytePairs {
  readonly #vocabSize: number;
  /** The rank of a merge by left * vocabSize + right. */
  readonly #ranks = new Map<number, number>();
  /** The token that each merge makes. */
  readonly #made: number[] = [];

  constructor(vocabSize: number) {
    this.#vocabSize = vocabSize;
  }

  /** Adds the next merge: from now on it comes after all others, also if the same pair has come before. */
  add(left: number, right: number, made: number): void {
    this.#ranks.set(left * this.#vocabSize + right, this.#made.length);
    this.#made.push(made);
  }

  /**
   * The tokens of a word: of all neighbours that a merge joins, those of the earliest merge become one, from left to
   * right, until none is left. Time grows with n log n.
   *
   * @param bytes the ids of its bytes.
   */
  encode(bytes: readonly number[]): number[] {
    const ids = [...bytes];
    // the cells where the neighbours of a token start
    const next = bytes.map((_, cell) => cell + 1);
    const previous = bytes.map((_, cell) => cell - 1);
    const queue = new TinyQueue<Pair>([], (a, b) => a.rank - b.rank || a.start - b.start);
    const offer = (start: number) => {
      const left = ids[start];
      const right = ids[next[start] ?? 0];
      if (left === undefined || right === undefined) return; // an end of the word
      const rank = this.#ranks.get(left * this.#vocabSize + right);
      if (rank !== undefined) queue.push({ start, left, right, rank });
    };
    for (let start = 0; start + 1 < ids.length; start++) offer(start);
    for (let pair = queue.pop(); pair; pair = queue.pop()) {
      const { start, left, right, rank } = pair;
      const middle = next[start] ?? 0;
      // one of the two may have become part of another token since
      if (ids[start] !== left || ids[middle] !== right) continue;
      ids[start] = this.#made[rank] ?? JOINED;
      ids[middle] = JOINED;
      const end = next[middle] ?? 0;
      next[start] = end;
      previous[end] = start;
      offer(previous[start] ?? JOINED);
      offer(start);
    }
    return ids.filter((id) => id !== JOINED);
  }
}
