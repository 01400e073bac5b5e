import { readFileSync } from "node:fs";
import { decodeText } from "../corpus/stories.ts";
import { TextError } from "../engine/errors.ts";

/** Reads a text file. @throws TextError naming the path if it is missing, unreadable, empty or not UTF-8. */
export function readText(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be read";
    throw new TextError(`${path} ${reason}; expected a UTF-8 text file`, { cause });
  }
  return decodeText(bytes, path);
}
