import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OptionError } from "../engine/errors.ts";

/**
 * Before any work is done for a file that is to be written as a command's `--output`.
 *
 * @throws OptionError for a path that cannot be a file.
 */
export function checkOutFile(path: string): void {
  if (path === "") throw new OptionError("output is empty; it must be the path of a file");
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) throw new OptionError(`output is ${path}, but there is no folder ${folder}; make it first`);
  if (!statSync(folder).isDirectory()) {
    throw new OptionError(`output is ${path}, but ${folder} is a file; give a path within a folder`);
  }
  if (existsSync(path) && statSync(path).isDirectory()) {
    throw new OptionError(`output is ${path}, which is a folder; give the path of a file`);
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new OptionError(`output is ${path}, but ${folder} may not be written to; give another place`);
  }
}
