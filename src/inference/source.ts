import { OptionError } from "../engine/errors.ts";

/** Bytes, or where they come from: an address (for Node, Deno and Bun also a path), a response, a file of a page. */
export type ByteSource = string | URL | Response | Blob | ArrayBuffer | Uint8Array;

/** The bytes of a source, and what messages call it. */
export interface NamedBytes {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/**
 * Gets the bytes of a source; a string is an address.
 *
 * @throws OptionError for what is no source, and for an address that does not give its bytes; the signal's reason if it
 * comes.
 */
export async function readSource(source: ByteSource, signal?: AbortSignal): Promise<NamedBytes> {
  signal?.throwIfAborted();
  if (typeof source === "string" || source instanceof URL) {
    const name = String(source);
    return { name, bytes: await download(name, signal) };
  }
  if (isReadable(source)) {
    const name = "url" in source && source.url !== "" ? source.url : "model";
    return { name, bytes: await bytesOf(source, name, signal) };
  }
  return { name: "model", bytes: unshared(viewOf(source)) };
}

async function download(address: string, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    return await bytesOf(await fetch(address, signal && { signal }), address);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof OptionError) throw cause;
    const reason = cause instanceof Error ? cause.message : cause;
    throw new OptionError(`${address} cannot be fetched (${reason}); expected the address of a file`, { cause });
  }
}

async function bytesOf(source: Response | Blob, name: string, signal?: AbortSignal): Promise<Uint8Array> {
  if ("ok" in source && !source.ok) {
    throw new OptionError(`${name} answers ${source.status} ${source.statusText}; expected the address of a file`);
  }
  return new Uint8Array(await unlessAborted(source.arrayBuffer(), signal));
}

/** The result of work, or the signal's reason as soon as it comes. */
function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function isReadable(source: unknown): source is Response | Blob {
  return (
    typeof source === "object" && source !== null && "arrayBuffer" in source && typeof source.arrayBuffer === "function"
  );
}

/** By tag and not by class, since a buffer may come from another realm: a frame, or a test's. */
function viewOf(source: unknown): Uint8Array {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (isBuffer(source)) return new Uint8Array(source);
  throw new OptionError(`a model comes from an address, a Response, a Blob or bytes, not from ${source}`);
}

function isBuffer(source: unknown): source is ArrayBuffer | SharedArrayBuffer {
  return /^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(source));
}

/** A browser's TextDecoder refuses memory that is shared. */
function unshared(bytes: Uint8Array): Uint8Array {
  return Object.prototype.toString.call(bytes.buffer) === "[object SharedArrayBuffer]" ? new Uint8Array(bytes) : bytes;
}
