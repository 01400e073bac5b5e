import { readFileSync } from "node:fs";
import { OptionError, type ThunderboltError } from "../engine/errors.ts";

/** What a system's error code means for someone who gave a path. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EISDIR: "is a folder",
  EACCES: "may not be read",
  ERR_FS_FILE_TOO_LARGE: "is larger than 2 GiB (a text: thunderbolt prepare takes it)",
};

/**
 * Reads a file that someone named.
 *
 * @param expected what it should have been, for the message.
 * @throws Fault, by default OptionError, naming the path if the file is missing or cannot be read.
 */
export function readInput(
  path: string,
  expected: string,
  Fault: new (message: string, options?: ErrorOptions) => ThunderboltError = OptionError,
): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Fault(`${path} ${reasonOf(cause)}; expected ${expected}`, { cause });
  }
}

/** What the system's error says of a path, in words that follow it. */
export function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code ?? "no path";
  return reasons[code] ?? `cannot be read (${code})`;
}
