import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { FormatError, OptionError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { naming } from "../engine/naming.ts";
import { type LoadOptions, Model } from "../inference/model.ts";
import { crewFor } from "./crew.ts";
import { wholeNumber } from "./train-options.ts";

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

/** Opens a model that has been read. @throws what {@link Model.fromBytes} throws, with the file's name. */
export function modelOf({ file, bytes }: ModelBytes, options: LoadOptions = {}): Model {
  return naming(file, () => Model.fromBytes(bytes, { name: file, ...options }));
}

/**
 * Opens a model from a run folder or a file. Several workers are threads, started when there is work for them.
 *
 * @throws OptionError for workers out of range; what {@link readModelBytes} and {@link modelOf} throw.
 */
export function openModel(path: string, options: LoadOptions = {}): Model {
  const threaded = withThreads(options);
  return modelOf(readModelBytes(path), threaded);
}

/** Adds who several workers are, unless that is given. @throws OptionError for workers out of range. */
export function withThreads(options: LoadOptions): LoadOptions {
  const threads = wholeNumber("workers", options.workers ?? 1, 1, 256);
  if (threads === 1) return options;
  const { crew, workers } = crewFor(compileKernels(options.kernels).set, threads);
  return { ...(crew && { crew }), ...options, workers };
}
