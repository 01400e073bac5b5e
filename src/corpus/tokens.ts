import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { encodeAsReleased } from "./as-released.ts";

/** A tokenised text. */
export interface TokenizedStories {
  /** All stories' ids one after the other, each story followed by `<eos>`, or as {@link encodeAsReleased} gives them. */
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
  asReleased = false,
): TokenizedStories {
  const utf8 = new TextEncoder();
  let tokens = new Uint16Array(1 << 16);
  let length = 0;
  let bytes = 0;
  let count = 0;
  for (const story of stories) {
    const ids = asReleased ? encodeAsReleased(story, tokenizer) : tokenizer.encode(story);
    if (!asReleased) ids.push(tokenizer.eos);
    const end = length + ids.length;
    if (end > tokens.length) {
      const larger = new Uint16Array(Math.max(2 * tokens.length, end));
      larger.set(tokens.subarray(0, length));
      tokens = larger;
    }
    tokens.set(ids, length);
    length = end;
    bytes += utf8.encode(story).length;
    count++;
  }
  return { tokens: tokens.slice(0, length), bytes, stories: count };
}
