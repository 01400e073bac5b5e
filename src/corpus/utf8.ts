import { TextError } from "../engine/errors.ts";

// a byte order mark inside a text is a character of it; the one at the start is the caller's to remove
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How many bytes the byte order mark at the start of a file takes: 3, or 0 where there is none. */
export function byteOrderMark(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/**
 * Decodes UTF-8 without letting anything damaged through.
 *
 * @param name the file's name, for the message.
 * @param offset where in the file the bytes begin, for the message.
 * @throws TextError naming the file and the offset of the first bad byte.
 */
export function decodeUtf8(bytes: Uint8Array, name: string, offset = 0): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    const bad = firstBadByte(bytes);
    if (bad < 0) {
      throw new TextError(
        `${name}: ${bytes.length} bytes are too long for one string; thunderbolt prepare takes texts of any length`,
        { cause },
      );
    }
    const byte = `0x${(bytes[bad] ?? 0).toString(16).padStart(2, "0")}`;
    throw new TextError(`${name}: byte ${offset + bad} (${byte}) is not UTF-8; convert the file to UTF-8`, { cause });
  }
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
