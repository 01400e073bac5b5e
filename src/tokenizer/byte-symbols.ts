/**
 * The 256 bytes in the order in which GPT-2's byte-level vocabulary lists them: first those that print as
 * themselves in Latin-1, then the others.
 */
export const BYTE_ORDER: readonly number[] = byteOrder();

/** The character that stands for each byte in a byte-level vocabulary; index = byte. */
export const BYTE_SYMBOLS: readonly string[] = byteSymbols();

/** The byte of each character code, -1 for one that stands for none. */
const SYMBOL_BYTES: Int16Array = symbolBytes();

/**
 * Writes the bytes that a token of a byte-level vocabulary stands for, one for each of its characters.
 *
 * @returns false if a character of it stands for no byte.
 */
export function writeBytesOfSymbols(token: string, bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < token.length; i++) {
    const byte = SYMBOL_BYTES[token.charCodeAt(i)] ?? -1;
    if (byte < 0) return false;
    bytes[offset + i] = byte;
  }
  return true;
}

/** The token of a byte-level vocabulary that stands for these bytes. */
export function symbolsOfBytes(bytes: Uint8Array): string {
  let symbols = "";
  for (const byte of bytes) symbols += BYTE_SYMBOLS[byte];
  return symbols;
}

function printsAsItself(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
}

function byteOrder(): number[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  return [...bytes.filter(printsAsItself), ...bytes.filter((byte) => !printsAsItself(byte))];
}

function symbolBytes(): Int16Array {
  const bytes = new Int16Array(0x200).fill(-1);
  for (const [byte, symbol] of BYTE_SYMBOLS.entries()) bytes[symbol.charCodeAt(0)] = byte;
  return bytes;
}

function byteSymbols(): string[] {
  const symbols: string[] = [];
  let next = 0x100;
  for (const byte of BYTE_ORDER) symbols[byte] = String.fromCharCode(printsAsItself(byte) ? byte : next++);
  return symbols;
}
