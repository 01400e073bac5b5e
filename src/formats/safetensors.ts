import { FormatError } from "../engine/errors.ts";
import { shown } from "../engine/shown.ts";

export { float32Values } from "./tensor-values.ts";

/** Bytes per element of each type of number that a safetensors file may hold here. */
const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** The element types that are read and written; the names are those of the safetensors format. */
export type DType = keyof typeof ELEMENT_BYTES;

/** Bytes of one element. */
export function elementBytes(dtype: DType): number {
  return ELEMENT_BYTES[dtype];
}

/** One tensor: row-major, little-endian. In a file that was read, `bytes` is a view into it, at any alignment. */
export interface TensorView {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** What a safetensors file holds; `tensors` is in the order of the data. */
export interface SafetensorsFile {
  readonly metadata: Record<string, string>;
  readonly tensors: Map<string, TensorView>;
}

const LENGTH_BYTES = 8;
/** The reference implementation refuses longer headers. */
const MAX_HEADER_BYTES = 100_000_000;
/** The data starts at a multiple of this, so that a file in memory can be read through typed arrays. */
const DATA_ALIGNMENT = 64;
const METADATA_KEY = "__metadata__";

/**
 * Reads a safetensors file without copying its tensors.
 *
 * Accepts exactly what the reference implementation accepts: every byte after the header belongs to one tensor.
 *
 * @throws FormatError naming the tensor and the fault, for anything else.
 */
export function readSafetensors(file: Uint8Array): SafetensorsFile {
  const header = readHeader(file);
  const data = file.subarray(LENGTH_BYTES + header.bytes);
  const entries = Object.entries(header.json);

  const located: { name: string; begin: number; end: number; view: TensorView }[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of entries) {
    if (name === METADATA_KEY) metadata = checkMetadata(value);
    else located.push({ name, ...locate(name, value, data) });
  }
  // JSON.parse keeps only the last of two equal names; what it dropped still shows in the text. A string cannot
  // contain this pattern, since its quotes would be escaped.
  let written = 0;
  for (const _ of header.text.matchAll(/"data_offsets"\s*:\s*\[/g)) written++;
  if (written > located.length) {
    throw new FormatError(
      `safetensors header describes ${written} tensors under ${located.length} names: repeated name`,
    );
  }

  located.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const tensors = new Map<string, TensorView>();
  let position = 0;
  for (const { name, begin, end, view } of located) {
    if (begin < position) throw fault(name, `begins at ${begin}, inside the tensor that ends at ${position}: overlap`);
    if (begin > position) throw fault(name, `begins at ${begin}, but the tensor before it ends at ${position}: hole`);
    position = end;
    tensors.set(name, view);
  }
  if (position !== data.length) {
    throw new FormatError(`safetensors file has ${data.length - position} bytes after its last tensor`);
  }
  return { metadata, tensors };
}

/**
 * Lays out a safetensors file: the first chunk is the header, then follow the given tensors' bytes, uncopied and in order.
 *
 * The header is padded with spaces so that the data starts at a multiple of 64 bytes, and the metadata is sorted by
 * key, so that equal input gives equal bytes.
 *
 * @throws FormatError for a repeated or reserved name, or bytes that do not fit dtype and shape.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, TensorView]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  // The JSON is put together by hand: an object would move names such as "0" to the front and lose "__proto__".
  const fields: string[] = [];
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length > 0) {
    const members = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    fields.push(`"${METADATA_KEY}":{${members.join(",")}}`);
  }

  const chunks: Uint8Array[] = [];
  const names = new Set<string>([METADATA_KEY]);
  let begin = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    if (names.has(name)) throw fault(name, "has a name that is reserved or already taken");
    names.add(name);
    if (byteLength(name, dtype, shape) !== bytes.length) {
      throw fault(name, `has ${bytes.length} bytes, which is not ${dtype} of shape [${shape.join(", ")}]`);
    }
    const end = begin + bytes.length;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${begin},${end}]}`,
    );
    chunks.push(bytes);
    begin = end;
  }

  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const dataStart = Math.ceil((LENGTH_BYTES + json.length) / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  const headerBytes = dataStart - LENGTH_BYTES;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new FormatError(`safetensors header of ${headerBytes} bytes is longer than the format's ${MAX_HEADER_BYTES}`);
  }
  const header = new Uint8Array(dataStart).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, LENGTH_BYTES);
  return [header, ...chunks];
}

function readHeader(file: Uint8Array): { json: object; text: string; bytes: number } {
  if (file.length < LENGTH_BYTES) {
    throw new FormatError(
      `safetensors file of ${file.length} bytes is shorter than the 8 bytes of its header's length`,
    );
  }
  const bytes = new DataView(file.buffer, file.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (bytes > BigInt(MAX_HEADER_BYTES)) {
    throw new FormatError(`safetensors header of ${bytes} bytes is longer than the format's ${MAX_HEADER_BYTES}`);
  }
  if (bytes > BigInt(file.length - LENGTH_BYTES)) {
    throw new FormatError(`safetensors header of ${bytes} bytes is longer than its file of ${file.length}`);
  }
  const raw = file.subarray(LENGTH_BYTES, LENGTH_BYTES + Number(bytes));
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch (cause) {
    throw new FormatError("safetensors header is not UTF-8", { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError("safetensors header is not JSON", { cause });
  }
  if (!isObject(json) || !text.startsWith("{")) {
    throw new FormatError("safetensors header is not a JSON object that starts with {");
  }
  return { json, text, bytes: Number(bytes) };
}

function checkMetadata(value: unknown): Record<string, string> {
  if (!isObject(value))
    throw new FormatError(`safetensors ${METADATA_KEY} is ${shown(value)}, not an object of strings`);
  const pairs: [string, string][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== "string") {
      throw new FormatError(`safetensors ${METADATA_KEY} ${shown(key)} is ${shown(item)}, not a string`);
    }
    pairs.push([key, item]);
  }
  return Object.fromEntries(pairs);
}

/** Checks one tensor's header entry and finds its bytes. */
function locate(name: string, entry: unknown, data: Uint8Array): { begin: number; end: number; view: TensorView } {
  if (!isObject(entry)) throw fault(name, `is described by ${shown(entry)}, not by an object`);
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (!isDType(dtype))
    throw fault(name, `has dtype ${shown(dtype)}; known are ${Object.keys(ELEMENT_BYTES).join(", ")}`);
  if (!isSizes(shape)) throw fault(name, `has shape ${shown(shape)}, not a list of whole numbers`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw fault(name, `has data_offsets ${shown(offsets)}, not a pair of whole numbers`);
  }
  const [begin = 0, end = 0] = offsets;
  if (begin > end) throw fault(name, `begins at ${begin}, after its end at ${end}`);
  if (end > data.length) throw fault(name, `ends at ${end}, beyond the ${data.length} bytes of data: truncated file?`);
  if (byteLength(name, dtype, shape) !== end - begin) {
    throw fault(name, `has ${end - begin} bytes, which is not ${dtype} of shape ${shown(shape)}`);
  }
  return { begin, end, view: { dtype, shape, bytes: data.subarray(begin, end) } };
}

function byteLength(name: string, dtype: DType, shape: readonly number[]): number {
  let bytes: number = ELEMENT_BYTES[dtype];
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) throw fault(name, `has shape ${shown(shape)}, more elements than can be counted`);
  }
  return bytes;
}

function fault(name: string, what: string): FormatError {
  return new FormatError(`safetensors tensor ${shown(name)} ${what}`);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDType(value: unknown): value is DType {
  return typeof value === "string" && Object.hasOwn(ELEMENT_BYTES, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
