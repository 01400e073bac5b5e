import { existsSync, statSync } from "node:fs";
import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { DownloadError, OptionError, ThunderboltError } from "../engine/errors.ts";
import { checkOutFolder } from "../run/out-folder.ts";
import { contentHash } from "./content-hash.ts";
import { type DownloadOptions, download } from "./download.ts";
import type { FetchOptions, FetchResult } from "./fetch-options.ts";
import { Hub, type HubFile } from "./hub.ts";
import { hubSettings } from "./hub-settings.ts";
import { partPath } from "./part-file.ts";
import { targets } from "./targets.ts";

/**
 * Fetches a data set, or released weights, from the Hugging Face hub. A file that is there already, with the hash that
 * the hub lists, is not fetched again; one that has come in part is gone on with.
 *
 * @throws OptionError before anything is written; DownloadError.
 */
export async function fetchFiles(options: FetchOptions): Promise<FetchResult> {
  const { what, out = what, overwrite = false, signal, onProgress } = options;
  if (!Object.hasOwn(targets, what)) {
    throw new OptionError(`there is no "${what}" to fetch; known: ${Object.keys(targets).join(", ")}`);
  }
  const { repo, choose } = targets[what];
  checkOutFolder(out);
  const hub = new Hub(hubSettings(options.hub));
  const onWait = (seconds: number, reason: string) => onProgress?.({ kind: "waiting", seconds, reason });
  const listenFor = ({ name, bytes }: HubFile): DownloadOptions => {
    const tell = (work: "fetching" | "checking") => (done: number) =>
      onProgress?.({ kind: "working", work, file: name, done, all: bytes });
    return { signal, onWait, onBytes: tell("fetching"), onCheck: tell("checking") };
  };
  try {
    signal?.throwIfAborted();
    // the library behind it is needed by nothing else
    const { listHub } = await import("./hub-listing.ts");
    const files = choose(await listHub(hub, repo, { signal, onWait }));
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    onProgress?.({ kind: "found", repo: repo.name, files: files.length, bytes });
    const missing: HubFile[] = [];
    for (const file of files) {
      const state = await stateOf(join(out, file.name), file, listenFor(file));
      if (state === "other" && !overwrite) {
        throw new OptionError(
          `${join(out, file.name)} is there, but it is not the hub's; replace it with --overwrite, or give another --out`,
        );
      }
      if (state !== "whole") missing.push(file);
    }
    await mkdir(out, { recursive: true });
    await checkRoom(out, missing);
    for (const file of missing) await download(hub, file, join(out, file.name), listenFor(file));
    return { files: files.map(({ name }) => join(out, name)), bytes };
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new ThunderboltError("INTERRUPTED", "stopped; what has come is kept, and fetching again goes on from there");
  }
}

/** What is at a path: nothing, the hub's file, or something else. */
async function stateOf(path: string, file: HubFile, options: DownloadOptions): Promise<"none" | "whole" | "other"> {
  if (!existsSync(path)) return "none";
  const stat = statSync(path);
  if (!stat.isFile() || stat.size !== file.bytes) return "other";
  const found = await contentHash(path, file.bytes, file.hash, { ...options, onBytes: options.onCheck });
  return found === file.hash ? "whole" : "other";
}

/** @throws DownloadError if the disk has no room for what is missing. */
async function checkRoom(out: string, missing: readonly HubFile[]): Promise<void> {
  let needed = 0;
  for (const { name, hash, bytes } of missing) {
    const part = partPath(join(out, name), hash);
    needed += bytes - (existsSync(part) ? Math.min(bytes, statSync(part).size) : 0);
  }
  const { bavail, bsize } = await statfs(out);
  const free = bavail * bsize;
  if (needed <= free) return;
  const megabytes = (value: number) => Math.ceil(value / 1e6);
  throw new DownloadError(
    `the disk of ${out} has room for ${megabytes(free)} MB, and ${megabytes(needed)} MB are to come; make room, or give another --out`,
  );
}
