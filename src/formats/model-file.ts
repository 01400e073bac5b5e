import { type ModelConfig, parseConfig } from "../engine/config.ts";
import { FormatError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { type Parameter, parameterTable } from "../engine/parameters.ts";
import { type TensorView, writeSafetensors } from "./safetensors.ts";

/** What says that a safetensors file is one of ours, and of which form. */
export const MODEL_FORMAT = "thunderbolt-1";

/**
 * Reads a model from the tensors of its file: safetensors with the original state_dict names, our configuration and the
 * tokenizer in the metadata.
 *
 * @throws FormatError for tensors that are unknown.
 */
export function readModel(
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, TensorView>,
  name: string,
): ModelConfig {
  const config = naming(name, () => parseConfig(parseJson(metadata.config)));
  const known = new Set(parameterTable(config).map((parameter) => parameter.name));
  for (const tensor of tensors.keys()) {
    if (!known.has(tensor))
      throw new FormatError(`${name}: tensor ${tensor} belongs to no model of this configuration`);
  }
  return config;
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
    { ...metadata, format: MODEL_FORMAT, config: JSON.stringify(config), tokenizer: tokenizerJson },
  );
}

/** A float32 tensor over values that it does not copy. */
export function floatTensor(shape: readonly number[], values: Float32Array): TensorView {
  return { dtype: "F32", shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** What a JSON text says; undefined for one that is none. */
export function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return undefined;
  }
}
