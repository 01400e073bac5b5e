import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/**
 * The hash of a file on the disk, in hex, of the kind that the hub lists for it.
 *
 * @param hash the one to compare with: 64 digits for the SHA-256 of its bytes, 40 for the SHA-1 that git knows it by.
 * @param onBytes told how many are done, from 0 on.
 * @throws the system's error; the signal's reason.
 */
export async function contentHash(
  path: string,
  bytes: number,
  hash: string,
  { onBytes, signal }: { onBytes?: (done: number) => void; signal?: AbortSignal },
): Promise<string> {
  const sha = createHash(hash.length === 64 ? "sha256" : "sha1");
  // git hashes a header too
  if (hash.length !== 64) sha.update(`blob ${bytes}\0`);
  let done = 0;
  onBytes?.(done);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    sha.update(chunk);
    done += chunk.length;
    onBytes?.(done);
  }
  return sha.digest("hex");
}
