import { decodeText } from "../corpus/stories.ts";
import { TextError } from "../engine/errors.ts";
import { readInput } from "./read-file.ts";

/** Reads a text file. @throws TextError naming the path if it is missing, unreadable, empty or not UTF-8. */
export function readText(path: string): string {
  return decodeText(readInput(path, "a UTF-8 text file", TextError), path);
}
