import { FormatError } from "../engine/errors.ts";
import type { Parameter } from "../engine/parameters.ts";
import { float32Values, type TensorView } from "./safetensors.ts";

/** The float32 values of each parameter by name, or a function that gives them. */
export type Values = (parameter: Parameter) => Float32Array;

/**
 * Reads parameters from the tensors of a file, whose names may carry a prefix (the state file's `param.`, `adam_m.`).
 *
 * @throws FormatError naming a tensor that is missing or has another shape than the configuration says.
 */
export function valuesOf(tensors: ReadonlyMap<string, TensorView>, prefix = ""): Values {
  return ({ name, shape, count }) => {
    const view = tensors.get(prefix + name);
    if (!view) throw new FormatError(`tensor ${prefix}${name} is missing`);
    if (view.shape.join("x") !== shape.join("x")) {
      throw new FormatError(`tensor ${prefix}${name} has shape [${view.shape}]; the configuration says [${shape}]`);
    }
    const values = float32Values(view, prefix + name);
    for (let i = 0; i < count; i++) {
      if (!Number.isFinite(values[i]))
        throw new FormatError(`tensor ${prefix}${name} holds ${values[i]} at ${i}; a model has finite numbers`);
    }
    return values;
  };
}
