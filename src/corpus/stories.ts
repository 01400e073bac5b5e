import { TextError } from "../engine/errors.ts";

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
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const offset = firstBadByte(bytes);
    if (offset < 0) {
      throw new TextError(`${name}: ${bytes.length} bytes are too long for one string; prepare the text in parts`, {
        cause,
      });
    }
    const byte = `0x${(bytes[offset] ?? 0).toString(16).padStart(2, "0")}`;
    throw new TextError(`${name}: byte ${offset} (${byte}) is not UTF-8; convert the file to UTF-8`, { cause });
  }
  if (text.trim() === "") throw new TextError(`${name}: the text is empty; expected stories or other plain text`);
  return text;
}

/** The offset of the first byte that begins no well-formed character, or -1. */
function firstBadByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}

/** The length of the character at an offset, 0 if it is ill-formed (table 3-7 of the Unicode standard). */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const second = bytes[at + 1] ?? 0;
  // These leads narrow their second byte: no overlong forms, no surrogates, nothing beyond U+10FFFF.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}
