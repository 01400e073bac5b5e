import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OptionError } from "../engine/errors.ts";

/**
 * The path of the model that ships with the package (models/README.md): what commands take where none is named.
 *
 * @throws OptionError where this copy of the package has none.
 */
export function shippedModel(): string {
  // as seen from dist/
  const path = fileURLToPath(new URL("../models/tinystories.thunderbolt", import.meta.url));
  if (!existsSync(path))
    throw new OptionError(`no model is given, and ${path} is missing; give a run folder or a model`);
  return path;
}
