import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OptionError } from "../engine/errors.ts";

/** @throws OptionError for a path that cannot be a folder. */
export function checkOutFolder(path: string): void {
  if (typeof path !== "string" || path === "") throw new OptionError("out is empty; it must be the path of a folder");
  const inTheWay = nearestExisting(resolve(path));
  if (!statSync(inTheWay).isDirectory()) {
    throw new OptionError(`out is ${path}, but ${inTheWay} is a file; give the path of a folder`);
  }
}

/** The path itself, or the nearest folder above it that exists. */
function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}
