import { hash32 } from "../engine/random.ts";

interface Entry {
  readonly rank: number;
  readonly text: string;
  readonly bytes: number;
}

/**
 * Draws stories at random from a text of any length, to learn a vocabulary from: each different story gets a rank
 * from a hash of its text and a seed, and those of lowest rank are kept until they have so many bytes. What is drawn,
 * and its order, thus depends on which stories there are and on nothing else: not on their order or their number.
 */
export class StorySample {
  readonly #size: number;
  readonly #seed: number;
  #entries: Entry[] = [];
  #bytes = 0;
  /** Stories of a higher rank have no place any more. */
  #highest = Number.POSITIVE_INFINITY;

  /**
   * @param size how many bytes of text are enough; the last story goes beyond.
   * @param seed 32 bits that choose the sample.
   */
  constructor(size: number, seed: number) {
    this.#size = size;
    this.#seed = seed;
  }

  /** Offers a story. @param hash the story's, by {@link hashText}. */
  offer(text: string, hash: number): void {
    const rank = hash32(hash, this.#seed);
    if (rank > this.#highest) return;
    const bytes = byteLength(text);
    this.#entries.push({ rank, text, bytes });
    this.#bytes += bytes;
    // sorted now and then: at most twice the sample is kept, and each story costs little
    if (this.#bytes >= 2 * this.#size) this.#prune();
  }

  /** The stories that were drawn. */
  stories(): string[] {
    this.#prune();
    return this.#entries.map(({ text }) => text);
  }

  #prune(): void {
    this.#entries.sort((a, b) => a.rank - b.rank || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
    const kept: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#entries) {
      if (bytes >= this.#size) break;
      if (entry.text === kept.at(-1)?.text) continue;
      kept.push(entry);
      bytes += entry.bytes;
    }
    if (bytes >= this.#size) this.#highest = kept.at(-1)?.rank ?? this.#highest;
    this.#entries = kept;
    this.#bytes = bytes;
  }
}

const utf8 = new TextEncoder();

function byteLength(text: string): number {
  return utf8.encode(text).length;
}
