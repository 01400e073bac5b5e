import { type ModelConfig, parseConfig } from "../engine/config.ts";
import { FormatError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { type Parameter, parameterTable } from "../engine/parameters.ts";
import { readSafetensors, type TensorView, writeSafetensors } from "./safetensors.ts";

/** What says that a safetensors file is one of ours, and of which form. */
const FORMAT = "thunderbolt-1";

/** A model as it lies in a file. */
export interface ModelFile {
  readonly config: ModelConfig;
  /** The text of its tokenizer.json. */
  readonly tokenizerJson: string;
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a model file: safetensors with the original state_dict names, our configuration and the tokenizer in the
 * metadata.
 *
 * @throws FormatError for a damaged file, for one that is not ours, for tensors that are missing or unknown.
 */
export function readModelFile(bytes: Uint8Array, name: string): ModelFile {
  const { metadata, tensors } = naming(name, () => readSafetensors(bytes));
  if (metadata.format !== FORMAT) {
    throw new FormatError(
      `${name}: no thunderbolt-lm model (its metadata has no "format": "${FORMAT}"); train one with \`thunderbolt train\``,
    );
  }
  if (!metadata.tokenizer) throw new FormatError(`${name}: the metadata has no tokenizer`);
  const config = naming(name, () => parseConfig(parseJson(metadata.config)));
  const known = new Set(parameterTable(config).map((parameter) => parameter.name));
  for (const tensor of tensors.keys()) {
    if (!known.has(tensor))
      throw new FormatError(`${name}: tensor ${tensor} belongs to no model of this configuration`);
  }
  return { config, tokenizerJson: metadata.tokenizer, tensors, metadata };
}

/** A model file in chunks; the same values give the same bytes. */
export function writeModelFile<P extends Parameter>(
  config: ModelConfig,
  tokenizerJson: string,
  parameters: readonly P[],
  values: (parameter: P) => Float32Array,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  return writeSafetensors(
    parameters.map((parameter) => [parameter.name, floatTensor(parameter.shape, values(parameter))] as const),
    { ...metadata, format: FORMAT, config: JSON.stringify(config), tokenizer: tokenizerJson },
  );
}

/** A float32 tensor over values that it does not copy. */
export function floatTensor(shape: readonly number[], values: Float32Array): TensorView {
  return { dtype: "F32", shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return undefined;
  }
}
