import { DownloadError } from "../engine/errors.ts";
import { contentHash } from "./content-hash.ts";
import { brokenConnection, type Hub, type HubFile } from "./hub.ts";
import { IdleLimit } from "./idle-limit.ts";
import { PartFile } from "./part-file.ts";
import { Retries, type RetryOptions } from "./retries.ts";

/** An attempt that brought this many bytes before it failed was worth one: the next has all its retries. */
const WORTHWHILE = 1 << 20;

/** What someone hears of a download. */
export interface DownloadOptions extends RetryOptions {
  /** Bytes of the file that have come, from those that were there on. */
  readonly onBytes?: (done: number) => void;
  /** Bytes that have been compared with the file's hash, from 0 on. */
  readonly onCheck?: (done: number) => void;
}

/**
 * Brings a file whole or not at all. What has come of it stays when something fails, and the next download of the same
 * version goes on from there; bytes that turn out to be wrong are removed.
 *
 * @param path where it goes, in a folder that exists.
 * @throws DownloadError; the signal's reason.
 */
export async function download(hub: Hub, file: HubFile, path: string, options: DownloadOptions): Promise<void> {
  const part = await PartFile.open(path, file.hash);
  const retries = new Retries(options);
  let anew = false;
  try {
    await retries.run(async () => {
      const before = part.bytes;
      try {
        await receive(hub, file, part, options);
      } finally {
        if (part.bytes - before >= WORTHWHILE) retries.reset();
      }
      const found = await contentHash(part.path, file.bytes, file.hash, { ...options, onBytes: options.onCheck });
      if (found === file.hash) return;
      await part.clear();
      // a part from before may have been damaged on the disk, or by a server whose file had changed
      const temporary = before > 0 && !anew;
      anew = true;
      throw new DownloadError(`${file.name} came with the hash ${found}, and the hub lists ${file.hash}`, {
        temporary,
      });
    });
    await part.finish();
  } finally {
    await part.leave();
  }
}

/** Completes a part by one request. */
async function receive(hub: Hub, file: HubFile, part: PartFile, options: DownloadOptions): Promise<void> {
  // longer than the file: not worth a question
  if (part.bytes > file.bytes) await part.clear();
  if (part.bytes === file.bytes) return;
  const limit = new IdleLimit(hub.settings.idleSeconds, new URL(file.url).host, options.signal);
  try {
    const response = await request(hub, file, part, limit.signal);
    options.onBytes?.(part.bytes);
    await store(response, file, part, limit, options);
  } finally {
    limit.end();
  }
}

/** Asks for what is missing. The part is empty then if the answer begins at the first byte. */
async function request(hub: Hub, file: HubFile, part: PartFile, signal: AbortSignal): Promise<Response> {
  const { name, bytes } = file;
  const range = part.bytes > 0 ? { range: `bytes=${part.bytes}-` } : undefined;
  const { response, hash } = await hub.get(file.url, { ...range }, signal);
  try {
    const { host } = new URL(response.url);
    if (hash !== undefined && hash !== file.hash) {
      throw new DownloadError(`${name} has just changed on ${host}; fetch it again`);
    }
    if (response.status === 416) {
      await part.clear();
      throw new DownloadError(`${host} has no such part of ${name}`, { temporary: true });
    }
    if (!response.ok) throw hub.refusal(response, name);
    const partial = response.status === 206;
    if (partial) checkRange(response, file, part.bytes);
    const wanted = partial ? bytes - part.bytes : bytes;
    const length = response.headers.get("content-length");
    if (length !== null && !response.headers.has("content-encoding") && Number(length) !== wanted) {
      throw new DownloadError(`${host} wants to send ${length} bytes of ${name}, not ${wanted}`);
    }
    if (!partial) await part.clear();
    return response;
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
}

function checkRange({ headers, url }: Response, { name, bytes }: HubFile, from: number): void {
  const range = headers.get("content-range") ?? "no range";
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (Number(start) === from && (total === "*" || Number(total) === bytes)) return;
  throw new DownloadError(`${new URL(url).host} sends ${range} of ${name}, and bytes ${from}- of ${bytes} are missing`);
}

/** Writes what comes behind what is there. */
async function store(
  { body, url }: Response,
  { name, bytes }: HubFile,
  part: PartFile,
  limit: IdleLimit,
  { onBytes }: DownloadOptions,
): Promise<void> {
  const { host } = new URL(url);
  const reader = body?.getReader();
  try {
    for (;;) {
      const piece = await reader?.read().catch((cause) => {
        throw limit.signal.aborted ? limit.signal.reason : brokenConnection(url, cause);
      });
      if (piece?.value === undefined) break;
      limit.renew();
      if (part.bytes + piece.value.length > bytes) {
        await part.clear();
        throw new DownloadError(`${host} sends more of ${name} than the ${bytes} bytes that the hub lists`);
      }
      await part.append(piece.value);
      onBytes?.(part.bytes);
    }
  } finally {
    // what has not been read is not wanted
    await reader?.cancel().catch(() => {});
  }
  if (part.bytes < bytes) {
    throw new DownloadError(`${host} stopped after ${part.bytes} of ${bytes} bytes of ${name}`, { temporary: true });
  }
}
