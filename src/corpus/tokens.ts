import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A tokenised text. */
export interface TokenizedStories {
  /** All stories' ids one after the other, each story followed by `<eos>`. */
  readonly tokens: Uint16Array<ArrayBuffer>;
  /** UTF-8 bytes of the stories' text: what bits per byte are counted against. */
  readonly bytes: number;
  /** How many stories there were. */
  readonly stories: number;
}

/** Tokenises stories one at a time into one array that doubles as it grows. */
export function tokenizeStories(
  stories: Iterable<string>,
  tokenizer: Pick<Tokenizer, "encode" | "eos">,
): TokenizedStories {
  const utf8 = new TextEncoder();
  let tokens = new Uint16Array(1 << 16);
  let length = 0;
  let bytes = 0;
  let count = 0;
  for (const story of stories) {
    const ids = tokenizer.encode(story);
    const end = length + ids.length + 1;
    if (end > tokens.length) {
      const larger = new Uint16Array(Math.max(2 * tokens.length, end));
      larger.set(tokens.subarray(0, length));
      tokens = larger;
    }
    tokens.set(ids, length);
    tokens[end - 1] = tokenizer.eos;
    length = end;
    bytes += utf8.encode(story).length;
    count++;
  }
  return { tokens: tokens.slice(0, length), bytes, stories: count };
}
