import type { ModelConfig } from "../engine/config.ts";
import type { CompiledKernels } from "../engine/instance.ts";
import type { PlacedParameter } from "../engine/model-plan.ts";
import type { Parameter } from "../engine/parameters.ts";
import type { PackedParameters } from "../formats/packed-file.ts";
import type { Values } from "../formats/parameter-values.ts";
import { placeModel } from "./placed-model.ts";

/**
 * Packs a model: its parameters are placed as for inference, and what the kernels would read is read back. So a packed
 * model runs on the very bits that the model runs on; only a model with activations "float32" loses its float embedding.
 */
export function packModel(compiled: CompiledKernels, config: ModelConfig, values: Values): PackedParameters {
  // the whole numbers do not depend on the activations
  const placed = placeModel(compiled, { ...config, activations: "int8" }, { kind: "values", values });
  const { model, memory } = placed;
  const { head } = model;
  if (head.kind !== "int8") throw new Error("an int8 model has an int8 head");
  const byName = new Map(model.parameters.map((parameter) => [parameter.name, parameter]));
  const find = ({ name }: Parameter): PlacedParameter => {
    const parameter = byName.get(name);
    if (!parameter) throw new Error(`no parameter ${name}`);
    return parameter;
  };
  const copy = (address: number, bytes: number) => new Uint8Array(memory.buffer, address, bytes).slice();
  return {
    matrix: (parameter) => {
      const { ternary, rows, columns } = find(parameter);
      if (!ternary) throw new Error(`${parameter.name} is not ternary`);
      const panels = Math.ceil(columns / 16);
      const codes = new Uint8Array(panels * rows * 4);
      for (let p = 0; p < panels; p++) {
        const at = ternary.codes + (p * ternary.totalOutputs + ternary.firstOutput) * 4;
        codes.set(copy(at, rows * 4), p * rows * 4);
      }
      return { codes, scale: new Float32Array(memory.buffer, ternary.scale, 1)[0] };
    },
    embedding: ({ shape: [V, D] }) => {
      const codes = new Int8Array(V * D);
      for (let v = 0; v < V; v++) codes.set(new Int8Array(memory.buffer, head.codes + v * head.rowBytes, D), v * D);
      return { codes, scales: new Float32Array(copy(head.scales, V * 4).buffer) };
    },
    vector: values,
  };
}
