import { compileKernels } from "../../engine/module.ts";
import { writePacked } from "../../formats/packed-file.ts";
import { readModelFile } from "../../inference/open-file.ts";
import { packModel } from "../../inference/pack-model.ts";
import type { ModelBytes } from "../../run/open-model.ts";

/** The smallest file of a model that runs on the same bits: packed, except for a model with activations "float32". */
export function packedModel({ file, bytes }: ModelBytes, kernels: string | undefined): Uint8Array {
  const { config, tokenizer, source } = readModelFile(bytes, file);
  if (source.kind === "packed" || config.activations === "float32") return bytes;
  return Buffer.concat(writePacked(config, tokenizer.json, packModel(compileKernels(kernels), config, source.values)));
}
