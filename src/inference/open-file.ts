import type { ModelConfig } from "../engine/config.ts";
import { FormatError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { MODEL_FORMAT, readModel } from "../formats/model-file.ts";
import { PACKED_FORMAT, readPacked } from "../formats/packed-file.ts";
import { valuesOf } from "../formats/parameter-values.ts";
import { readSafetensors } from "../formats/safetensors.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { ModelSource } from "./placed-model.ts";

/** A model as it lies in a file. */
export interface ModelFile {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly source: ModelSource;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a model file of either form, plain (formats/model-file.ts) or packed (formats/packed-file.ts). Its tensors are
 * looked at when they are placed.
 *
 * @param name what messages call the file
 * @throws FormatError for a damaged file, for one that is not ours, for tensors that are unknown, for a tokenizer that
 * does not fit.
 */
export function readModelFile(bytes: Uint8Array, name: string): ModelFile {
  const { metadata, tensors } = naming(name, () => readSafetensors(bytes));
  const { format, tokenizer: tokenizerJson } = metadata;
  if (format !== MODEL_FORMAT && format !== PACKED_FORMAT) {
    throw new FormatError(
      `${name}: no thunderbolt-lm model (its metadata has no "format": "${MODEL_FORMAT}"); train one with \`thunderbolt train\``,
    );
  }
  if (!tokenizerJson) throw new FormatError(`${name}: the metadata has no tokenizer`);
  let config: ModelConfig;
  let source: ModelSource;
  if (format === PACKED_FORMAT) {
    const packed = readPacked(metadata, tensors, name);
    ({ config } = packed);
    source = { kind: "packed", parameters: packed.parameters };
  } else {
    config = readModel(metadata, tensors, name);
    source = { kind: "values", values: valuesOf(tensors) };
  }
  const tokenizer = Tokenizer.fromJson(tokenizerJson);
  if (tokenizer.vocabSize !== config.vocabSize) {
    throw new FormatError(
      `${name}: the tokenizer has ${tokenizer.vocabSize} tokens and the configuration says ${config.vocabSize}`,
    );
  }
  return { config, tokenizer, source, metadata };
}
