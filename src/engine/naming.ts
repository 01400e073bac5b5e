import { ConfigError, FormatError, MemoryError, TextError } from "./errors.ts";

/** Does work on a file, and puts the file's name in front of what is found wrong with it. */
export function naming<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    // a configuration that describes no model is the file's fault
    if (error instanceof ConfigError) throw new FormatError(`${name}: ${error.message}`, { cause: error });
    const ofTheFile = error instanceof FormatError || error instanceof TextError || error instanceof MemoryError;
    if (ofTheFile && !error.message.startsWith(`${name}: `)) error.message = `${name}: ${error.message}`;
    throw error;
  }
}

/** The same for work that takes its time. */
export async function namingLater<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    return naming<T>(name, () => {
      throw error;
    });
  }
}
