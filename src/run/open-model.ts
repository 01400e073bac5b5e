import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { FormatError, OptionError } from "../engine/errors.ts";
import { type LoadOptions, Model } from "../inference/model.ts";

/**
 * Where the model file of a path is: the path itself, or model.safetensors in a run folder.
 *
 * @throws OptionError for a path with no model.
 */
export function modelPath(path: string): string {
  if (!existsSync(path)) throw new OptionError(`${path} does not exist; expected a run folder or a .safetensors file`);
  if (!statSync(path).isDirectory()) return path;
  const file = join(path, "model.safetensors");
  if (!existsSync(file))
    throw new OptionError(`${path} holds no model.safetensors; expected the --out of a training run`);
  return file;
}

/** Opens a model from a run folder or a file. @throws what {@link modelPath} and {@link Model.fromBytes} throw. */
export function openModel(path: string, options: LoadOptions = {}): Model {
  const file = modelPath(path);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new FormatError(`${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  return Model.fromBytes(bytes, { name: file, ...options });
}
