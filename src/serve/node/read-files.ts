import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { getMimeType } from "hono/utils/mime";
import type { ServedFile, ServedFiles } from "../files.ts";

/** Reads all files under a folder, which is the page; index.html is also "/". None where there is no such folder. */
export function readFiles(folder: string): ServedFiles {
  const files = new Map<string, ServedFile>();
  if (!existsSync(folder)) return files;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (!statSync(path).isFile()) continue;
    const file = servedFile(readFileSync(path), getMimeType(name));
    files.set(`/${name.replaceAll("\\", "/")}`, file);
    if (name === "index.html") files.set("/", file);
  }
  return files;
}

/** Some bytes as a file that is served. */
export function servedFile(bytes: Uint8Array, type = "application/octet-stream"): ServedFile {
  const etag = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return { bytes: new Uint8Array(bytes), type, etag };
}
