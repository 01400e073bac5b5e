/** Tokens that can be read at any place, wherever they are kept. */
export interface TokenSource {
  /** How many there are. */
  readonly length: number;
  /** The token that ends each story; undefined where nothing does, as in the release's preparation. */
  readonly eos: number | undefined;
  /**
   * Copies the tokens from a place on, as many as the array holds.
   *
   * @param from 0..length - into.length.
   */
  read(from: number, into: Uint16Array): void;
}

/** Tokens that are all in memory. */
export function tokensInMemory(tokens: Uint16Array, eos: number | undefined): TokenSource {
  return {
    length: tokens.length,
    eos,
    read(from, into) {
      into.set(tokens.subarray(from, from + into.length));
    },
  };
}
