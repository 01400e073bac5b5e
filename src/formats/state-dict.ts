import type { ModelConfig } from "../engine/config.ts";
import { parameterTable } from "../engine/parameters.ts";
import { floatTensor } from "./model-file.ts";
import type { Values } from "./parameter-values.ts";
import { writeSafetensors } from "./safetensors.ts";

/**
 * A model as a safetensors file for PyTorch, in chunks: the original state_dict, with head.weight, which is
 * embed.weight once more. The configuration is in the metadata, which PyTorch does not look at.
 */
export function writeStateDict(config: ModelConfig, values: Values): Uint8Array[] {
  const table = parameterTable(config);
  const tensors = table.map((parameter) => [parameter.name, floatTensor(parameter.shape, values(parameter))] as const);
  const [[, embedding]] = tensors;
  return writeSafetensors([...tensors, ["head.weight", embedding]], { format: "pt", config: JSON.stringify(config) });
}
