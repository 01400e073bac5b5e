import { TextError } from "../engine/errors.ts";
import { byteOrderMark, decodeUtf8 } from "./utf8.ts";

/** A line of its own, with the line break before it; where two follow each other, the first has taken that break. */
const SEPARATOR = /(?:^|\r?\n|(?<=\n))<\|endoftext\|>(?:\r?\n|$)/;

/**
 * Cuts a text into stories, each ended by a line `<|endoftext|>`.
 *
 * The separator and the line break before it belong to no story; stories of nothing but white space are dropped. A
 * text without separators is one story.
 */
export function splitStories(text: string): string[] {
  return text.split(SEPARATOR).filter((story) => story.trim() !== "");
}

/**
 * Decodes a UTF-8 file without letting anything damaged through; a byte order mark at the start is removed.
 *
 * @param name the file's name, for the message.
 * @throws TextError naming the file and the offset of the first bad byte, or if the text is empty or only white space.
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const text = decodeUtf8(bytes.subarray(byteOrderMark(bytes)), name, byteOrderMark(bytes));
  if (text.trim() === "") throw new TextError(`${name}: the text is empty; expected stories or other plain text`);
  return text;
}
