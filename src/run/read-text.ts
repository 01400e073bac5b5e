import { decodeText } from "../corpus/stories.ts";
import { TextError } from "../engine/errors.ts";
import { readInput, reasonOf } from "./read-file.ts";

const EXPECTED = "a UTF-8 text file";

/** Reads a text file. @throws TextError naming the path if it is missing, unreadable, empty or not UTF-8. */
export function readText(path: string): string {
  return decodeText(readInput(path, EXPECTED, TextError), path);
}

/** What to say of a text that the system does not let read. */
export function unreadable(path: string, cause: unknown): TextError {
  return new TextError(`${path} ${reasonOf(cause)}; expected ${EXPECTED}`, { cause });
}
