import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/**
 * The ids of a story as the released FlashLM v5 was trained and scored on it (`tokenize_to_binary` in its train.py):
 * each line without the white space around it and encoded alone, blank ones dropped, nothing between them, and
 * `<|endoftext|>` as the text of a last line. No token ends a story, and no line break is one.
 */
export function encodeAsReleased(story: string, tokenizer: Pick<Tokenizer, "encode">): number[] {
  const lines = story.split(/\r\n?|\n/);
  lines.push("<|endoftext|>");
  return lines.flatMap((line) => tokenizer.encode(line.trim()));
}
