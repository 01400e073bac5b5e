import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FormatError, OptionError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import type { LoadOptions } from "../inference/load.ts";
import { Model } from "../inference/model.ts";
import { type ByteSource, type NamedBytes, readSource } from "../inference/source.ts";
import { crewFor } from "./crew.ts";

/** A model file that has been read. */
export interface ModelBytes {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads the model file of a path: the path itself, or model.safetensors in a run folder. Not by node:fs, which loads its
 * streams when it is imported: 3 ms of a start.
 *
 * @throws OptionError for a path with no model; FormatError for one that cannot be read.
 */
export async function readModelBytes(path: string): Promise<ModelBytes> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new OptionError(`${path} does not exist; expected a run folder or a .safetensors file`);
  const file = found.isDirectory() ? join(path, "model.safetensors") : path;
  try {
    return { file, bytes: await readFile(file) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new OptionError(`${path} holds no model.safetensors; expected the --out of a training run`);
    }
    throw new FormatError(`${file} cannot be read (${code})`, { cause });
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
  const { file, bytes } = await readModelBytes(path);
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
export async function openModel(path: string, options: Pick<LoadOptions, "kernels" | "workers"> = {}): Promise<Model> {
  return modelOf(await readModelBytes(path), options);
}
