import { readFileSync } from "node:fs";
import { decodeText } from "../corpus/stories.ts";
import { TextError } from "../engine/errors.ts";

/** What a system's error code means for someone who gave a path. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EISDIR: "is a folder",
  EACCES: "may not be read",
  ERR_FS_FILE_TOO_LARGE: "is larger than 2 GiB, which thunderbolt prepare takes",
};

/** Reads a text file. @throws TextError naming the path if it is missing, unreadable, empty or not UTF-8. */
export function readText(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return decodeText(bytes, path);
}

/** What to say of a text that the system does not let read. */
export function unreadable(path: string, cause: unknown): TextError {
  const code = (cause as NodeJS.ErrnoException).code ?? "no path";
  return new TextError(`${path} ${reasons[code] ?? `cannot be read (${code})`}; expected a UTF-8 text file`, { cause });
}
