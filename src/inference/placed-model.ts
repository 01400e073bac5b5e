import type { ModelConfig } from "../engine/config.ts";
import { FormatError } from "../engine/errors.ts";
import { type CompiledKernels, createMemory, instantiateKernels, type Kernels } from "../engine/instance.ts";
import { type ModelPlan, type PlacedParameter, writeModelRecords } from "../engine/model-plan.ts";
import { packParameter, packWhole } from "../engine/pack.ts";
import { type WorkspacePlan, writeWorkspaceRecords } from "../engine/workspace-plan.ts";
import type { PackedParameters } from "../formats/packed-file.ts";
import type { Values } from "../formats/parameter-values.ts";
import { type InferenceShape, planInference } from "./inference-plan.ts";

/** Where a model's parameters come from. */
export type ModelSource =
  | { readonly kind: "values"; readonly values: Values }
  | { readonly kind: "packed"; readonly parameters: PackedParameters };

/** A model in a memory of its own. */
export interface PlacedModel {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  readonly shape: InferenceShape;
  readonly model: ModelPlan;
  /** Of the calling thread. */
  readonly workspace: WorkspacePlan;
}

/** Tokens that a causal model reads at a time: enough to fill the kernels' lanes; the bits do not depend on it. */
const CHUNK = 256;

/**
 * Puts a model into a memory of its own.
 *
 * @param workers workspaces, one for each that will run it side by side
 * @param capacity tokens that one call can take; `headNorm: "window"` needs its window whole
 * @throws MemoryError for a model that does not fit; what the source throws.
 */
export function placeModel(
  compiled: CompiledKernels,
  config: ModelConfig,
  source: ModelSource,
  workers = 1,
  capacity = config.headNorm === "window" ? config.seqLen : Math.min(config.seqLen, CHUNK),
): PlacedModel {
  const shape = { config, capacity, workers };
  const planner = instantiateKernels(compiled, createMemory(compiled.set, 1));
  const { model, workspaces, pages } = planInference(planner, shape);
  const memory = createMemory(compiled.set, pages);
  const kernels = instantiateKernels(compiled, memory);
  writeModelRecords(memory, model);
  for (const workspace of workspaces) writeWorkspaceRecords(memory, workspace);
  for (const parameter of model.parameters) {
    if (source.kind === "packed") {
      placePacked(kernels, memory, model, parameter, source.parameters);
    } else {
      new Float32Array(memory.buffer, parameter.address, parameter.count).set(source.values(parameter));
      packWhole(kernels, memory, model, parameter);
    }
  }
  return { kernels, memory, shape, model, workspace: workspaces[workspaces.length - 1] };
}

/** The whole numbers of a packed model are what the kernels read; they go where they belong. */
function placePacked(
  kernels: Kernels,
  memory: WebAssembly.Memory,
  model: ModelPlan,
  parameter: PlacedParameter,
  packed: PackedParameters,
): void {
  const { name, address, rows, columns, count, kind, ternary } = parameter;
  const { head } = model;
  if (ternary) {
    const { codes, scale } = packed.matrix(parameter);
    // of 16 inputs each, [totalOutputs][4]
    const { codes: panels, totalOutputs, firstOutput } = ternary;
    placeRows(memory, panels + firstOutput * 4, totalOutputs * 4, codes, rows * 4);
    if (!kernels.codesAreValid(panels, totalOutputs, firstOutput, rows, columns)) {
      throw new FormatError(
        `tensor ${name}.codes holds what is no code; expected 0, 1 or 2, and 0 past the last input`,
      );
    }
    new Float32Array(memory.buffer, ternary.scale, 1)[0] = scale;
  } else if (kind === "vector") {
    new Float32Array(memory.buffer, address, count).set(packed.vector(parameter));
  } else {
    const { codes, scales } = packed.embedding(parameter);
    if (head.kind === "int8") {
      placeRows(memory, head.codes, head.rowBytes, codes, columns);
      new Float32Array(memory.buffer, head.scales, rows).set(scales);
      return;
    }
    const values = new Float32Array(memory.buffer, address, count);
    for (let i = 0; i < count; i++) values[i] = codes[i] * scales[Math.floor(i / columns)];
    packParameter(kernels, model, parameter, 0, rows, 0);
  }
}

/** Copies rows that lie one after the other to where they are `stride` bytes apart. */
function placeRows(
  memory: WebAssembly.Memory,
  address: number,
  stride: number,
  rows: Uint8Array | Int8Array,
  rowBytes: number,
): void {
  const bytes = new Uint8Array(memory.buffer, address);
  // at once where nothing lies between: of thousands of copies each costs
  const step = stride === rowBytes ? rows.length : rowBytes;
  for (let from = 0, to = 0; from < rows.length; from += step, to += stride) {
    bytes.set(rows.subarray(from, from + step), to);
  }
}
