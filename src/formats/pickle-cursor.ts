import { FormatError } from "../engine/errors.ts";

/** Reads the operands of a pickle's instructions one after the other, little-endian but for floats. */
export class PickleCursor {
  readonly #bytes: Uint8Array;
  readonly #data: DataView;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on, and gives where that began. @throws FormatError, as everything here, where the bytes end before. */
  skip(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw this.fault("it ends in the middle of an instruction: truncated file?");
    this.#at += count;
    return at;
  }

  byte(): number {
    return this.#bytes[this.skip(1)];
  }

  uint16(): number {
    return this.#data.getUint16(this.skip(2), true);
  }

  int32(): number {
    return this.#data.getInt32(this.skip(4), true);
  }

  uint32(): number {
    return this.#data.getUint32(this.skip(4), true);
  }

  /** Exact up to 2^53, which is beyond every file. */
  uint64(): number {
    return Number(this.#data.getBigUint64(this.skip(8), true));
  }

  float64(): number {
    return this.#data.getFloat64(this.skip(8), false);
  }

  /** Text of so many bytes. @throws FormatError where it is not UTF-8. */
  text(length: number): string {
    const at = this.skip(length);
    try {
      return this.#utf8.decode(this.#bytes.subarray(at, at + length));
    } catch (cause) {
      throw this.fault("a string is not UTF-8", cause);
    }
  }

  /** A line, which holds half a global's name. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.fault("a name has no end: truncated file?");
    const text = this.text(end - this.#at);
    this.skip(1);
    return text;
  }

  /** A signed number of so many bytes, at most 255. */
  long(length: number): number | bigint {
    if (length === 0) return 0;
    const at = this.skip(length);
    const digits = Array.from(this.#bytes.subarray(at, at + length), (byte) => byte.toString(16).padStart(2, "0"));
    const value = BigInt.asIntN(8 * length, BigInt(`0x${digits.reverse().join("")}`));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** What is wrong, and where. */
  fault(what: string, cause?: unknown): FormatError {
    return new FormatError(`damaged pickle at byte ${this.#at}: ${what}`, { cause });
  }
}

/** A text from a file, short enough for a message and without what could move a cursor. */
export function printable(text: string): string {
  const plain = text.slice(0, 80).replace(/[^\x20-\x7e]/g, "?");
  return text.length > 80 ? `${plain}...` : plain;
}
