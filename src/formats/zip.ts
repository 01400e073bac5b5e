import { FormatError } from "../engine/errors.ts";

const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;

const ENCRYPTED = 1;
const STORED = 0;
/** What a 16-bit and a 32-bit field say where the true value is in a ZIP64 record. */
const IN_ZIP64_16 = 0xffff;
const IN_ZIP64_32 = 0xffffffff;
const ZIP64_EXTRA = 1;

/**
 * The entries of a zip file by name, as views into it: nothing is copied or inflated.
 *
 * Reads what torch.save writes, stored entries with or without ZIP64 records. Sizes are those of the central directory,
 * since a writer that streams leaves them out of the local headers. (PKWARE's APPNOTE.TXT, 4.3.)
 *
 * @throws FormatError for compressed or encrypted entries, repeated names, and anything that lies outside the file.
 */
export function readZip(file: Uint8Array): Map<string, Uint8Array> {
  const data = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const directory = findDirectory(file, data);
  const entries = new Map<string, Uint8Array>();
  const utf8 = new TextDecoder();
  let at = directory.begin;
  for (let i = 0; i < directory.entries; i++) {
    if (at + CENTRAL_BYTES > directory.end || data.getUint32(at, true) !== CENTRAL) {
      throw new FormatError(`zip directory has no entry ${i} of ${directory.entries}: damaged file?`);
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => data.getUint16(at + field, true));
    const next = at + CENTRAL_BYTES + nameBytes + extraBytes + commentBytes;
    if (next > directory.end) throw new FormatError(`zip entry ${i} reaches beyond the directory: damaged file?`);
    const name = utf8.decode(file.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes));
    if (entries.has(name)) throw fault(name, "is there twice");
    if (data.getUint16(at + 8, true) & ENCRYPTED) throw fault(name, "is encrypted");
    if (data.getUint16(at + 10, true) !== STORED)
      throw fault(name, "is compressed; torch.save stores entries as they are");
    const extra = at + CENTRAL_BYTES + nameBytes;
    const [stored, bytes, local] = sizesOf(data, at, extra, extra + extraBytes);
    if (stored !== bytes) throw fault(name, `is stored in ${stored} bytes and has ${bytes}`);
    entries.set(name, entryAt(file, data, name, local, bytes));
    at = next;
  }
  return entries;
}

interface Directory {
  readonly begin: number;
  readonly end: number;
  readonly entries: number;
}

/** Finds the central directory by the record at the end of the file, and its ZIP64 sibling where there is one. */
function findDirectory(file: Uint8Array, data: DataView): Directory {
  let end = file.length - END_BYTES;
  const first = Math.max(0, end - MAX_COMMENT_BYTES);
  while (end >= first && data.getUint32(end, true) !== END) end--;
  if (end < first) throw new FormatError("the zip file has no directory at its end: truncated file?");

  let entries = data.getUint16(end + 10, true);
  let bytes = data.getUint32(end + 12, true);
  let begin = data.getUint32(end + 16, true);
  const locator = end - LOCATOR_BYTES;
  if (locator >= 0 && data.getUint32(locator, true) === END64_LOCATOR) {
    const at = toNumber(data.getBigUint64(locator + 8, true));
    if (at + END64_BYTES > locator || data.getUint32(at, true) !== END64) {
      throw new FormatError(`the zip file has no ZIP64 record at ${at}: damaged file?`);
    }
    if (entries === IN_ZIP64_16) entries = toNumber(data.getBigUint64(at + 32, true));
    if (bytes === IN_ZIP64_32) bytes = toNumber(data.getBigUint64(at + 40, true));
    if (begin === IN_ZIP64_32) begin = toNumber(data.getBigUint64(at + 48, true));
  }
  if (begin + bytes > end) {
    throw new FormatError(`the zip directory, ${bytes} bytes from ${begin}, is not in the file of ${file.length}`);
  }
  return { begin, end: begin + bytes, entries };
}

/** Bytes stored, bytes in full, and where the local header is; each may be in the ZIP64 field instead. */
function sizesOf(data: DataView, at: number, extra: number, extraEnd: number): number[] {
  const sizes = [20, 24, 42].map((field) => data.getUint32(at + field, true));
  // of the bytes in full, the bytes stored and the header's place, only those are there that did not fit
  const missing = [1, 0, 2].filter((which) => sizes[which] === IN_ZIP64_32);
  if (missing.length === 0) return sizes;
  for (let field = extra; field + 4 <= extraEnd; field += 4 + data.getUint16(field + 2, true)) {
    if (data.getUint16(field, true) !== ZIP64_EXTRA) continue;
    missing.forEach((which, i) => {
      const value = field + 4 + 8 * i;
      if (value + 8 <= extraEnd) sizes[which] = toNumber(data.getBigUint64(value, true));
    });
    break;
  }
  return sizes;
}

function entryAt(file: Uint8Array, data: DataView, name: string, local: number, bytes: number): Uint8Array {
  if (local + LOCAL_BYTES > file.length || data.getUint32(local, true) !== LOCAL) {
    throw fault(name, `has no header at ${local}: damaged file?`);
  }
  const begin = local + LOCAL_BYTES + data.getUint16(local + 26, true) + data.getUint16(local + 28, true);
  if (begin + bytes > file.length) {
    throw fault(name, `ends at ${begin + bytes}, beyond the file's ${file.length} bytes: truncated file?`);
  }
  return file.subarray(begin, begin + bytes);
}

/** Exact up to 2^53; what is larger is beyond every file, and stays so. */
function toNumber(value: bigint): number {
  return Number(value);
}

function fault(name: string, what: string): FormatError {
  return new FormatError(`zip entry ${JSON.stringify(name.slice(0, 80))} ${what}`);
}
