import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FormatError, OptionError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import type { LoadOptions } from "../inference/load.ts";
import { Model } from "../inference/model.ts";
import { type ByteSource, type NamedBytes, readSource } from "../inference/source.ts";
import { crewFor } from "./crew.ts";

// An import of node:fs loads its streams and promises along, which takes 4 ms of a start.
const { existsSync, readFileSync, statSync } = process.getBuiltinModule("node:fs");

/** A model file that has been read. */
export interface ModelBytes {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads the model file of a path: the path itself, or model.safetensors in a run folder.
 *
 * @throws OptionError for a path with no model; FormatError for one that cannot be read.
 */
export function readModelBytes(path: string): ModelBytes {
  if (!existsSync(path)) throw new OptionError(`${path} does not exist; expected a run folder or a .safetensors file`);
  const file = statSync(path).isDirectory() ? join(path, "model.safetensors") : path;
  if (!existsSync(file)) {
    throw new OptionError(`${path} holds no model.safetensors; expected the --out of a training run`);
  }
  try {
    return { file, bytes: readFileSync(file) };
  } catch (cause) {
    throw new FormatError(`${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

/**
 * The bytes of a source, which may be a path too.
 *
 * @throws what {@link readModelBytes} and {@link readSource} throw.
 */
export async function readSourceOrPath(source: ByteSource, signal?: AbortSignal): Promise<NamedBytes> {
  const path = pathOf(source);
  if (path === undefined) return readSource(source, signal);
  const { file, bytes } = readModelBytes(path);
  return { bytes, name: file };
}

/** The path that a source is, if it is one: a string that does not begin as addresses do, or the address of a file. */
function pathOf(source: ByteSource): string | undefined {
  if (typeof source !== "string" && !(source instanceof URL)) return undefined;
  const [, scheme] = /^(https?|data|blob|file):/.exec(String(source)) ?? [];
  if (scheme === undefined) return String(source);
  return scheme === "file" ? fileURLToPath(source) : undefined;
}

/**
 * Opens a model that has been read. Several workers are threads, started when there is work for them.
 *
 * @throws OptionError for workers out of range; what {@link Model.fromBytes} throws.
 */
export function modelOf({ file, bytes }: ModelBytes, options: Pick<LoadOptions, "kernels" | "workers"> = {}): Model {
  const threads = wholeNumber("workers", options.workers ?? 1, 1, 256);
  const kernels = compileKernels(options.kernels);
  return Model.fromBytes(bytes, { kernels, name: file, ...(threads > 1 && crewFor(kernels.set, threads)) });
}

/** Opens a model from a run folder or a file. @throws what {@link readModelBytes} and {@link modelOf} throw. */
export function openModel(path: string, options: Pick<LoadOptions, "kernels" | "workers"> = {}): Model {
  return modelOf(readModelBytes(path), options);
}
