import { FormatError, MemoryError, TextError } from "../engine/errors.ts";

/** Does work on a file, and puts the file's name in front of what is found wrong with it. */
export function naming<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const ofTheFile = error instanceof FormatError || error instanceof TextError || error instanceof MemoryError;
    if (ofTheFile && !error.message.startsWith(`${name}: `)) error.message = `${name}: ${error.message}`;
    throw error;
  }
}
