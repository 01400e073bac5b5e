import * as layout from "../../wasm-build/layout.ts";
import type { Arena } from "./arena.ts";
import type { ModelConfig } from "./config.ts";
import type { Kernels } from "./instance.ts";
import { type Parameter, parameterTable, ternaryNames } from "./parameters.ts";
import { type RecordValues, recordBytes, writeRecord } from "./records.ts";

/** Rows of a matrix that are worked on at a time: what one panel of the transposed packing holds. */
export const ROW_GROUP = 16;

/** Where the packed codes of one ternary matrix lie. */
interface TernaryPlace {
  /** Forward packing, in which this matrix is rows firstOutput.. of totalOutputs. */
  readonly codes: number;
  readonly totalOutputs: number;
  readonly firstOutput: number;
  /** Transposed packing. */
  readonly codesT: number;
  /** One float32. */
  readonly scale: number;
}

/** A parameter with its place in the arena. */
export interface PlacedParameter extends Parameter {
  readonly rows: number;
  readonly columns: number;
  /** Its float32 values. An inference model has one place for all ternary matrices, through which they are packed. */
  readonly address: number;
  readonly ternary?: TernaryPlace;
}

/** Addresses of everything that a model is made of. */
export interface ModelPlan {
  readonly config: ModelConfig;
  /** C, the width of the recurrence. */
  readonly recurrentWidth: number;
  readonly parameters: readonly PlacedParameter[];
  /** All float32 values: [weights, weights + weightBytes). */
  readonly weights: number;
  readonly weightBytes: number;
  /** The vectors among them, which lie together, padding included. */
  readonly vectors: number;
  readonly vectorCount: number;
  /** Where the embedding serves as the head: float32 panels in both orientations (training), or int8 rows with scales. */
  readonly head:
    | { readonly kind: "float32"; readonly panels: number; readonly panelsT: number }
    | { readonly kind: "int8"; readonly codes: number; readonly scales: number; readonly rowBytes: number };
  readonly model: number;
  readonly blocks: number;
}

/** Reserves a model. With `training`, latent weights, transposed packings and the head's second orientation are kept. */
export function planModel(arena: Arena, kernels: Kernels, config: ModelConfig, training: boolean): ModelPlan {
  const { dModel: D, dFfn: F, nLayers: L } = config;
  const C = config.nHeads * config.dHead;
  const table = parameterTable(config);

  const codeBytes = (outputs: number, inputs: number) => (Math.ceil(inputs / ROW_GROUP) * outputs + ROW_GROUP) * 4;
  const spareCodesT = training
    ? 0
    : arena.reserve(Math.max(codeBytes(C, D), codeBytes(D, C), codeBytes(D, F), codeBytes(F, D)));
  const places = new Map<string, TernaryPlace>();
  for (let l = 0; l < L; l++) {
    const gatesCodes = arena.reserve(codeBytes(3 * C, D));
    const gatesScales = arena.floats(3);
    const place = (name: (typeof ternaryNames)[number], outputs: number, inputs: number, stacked?: number) =>
      places.set(`blocks.${l}.${name}.weight`, {
        codes: stacked === undefined ? arena.reserve(codeBytes(outputs, inputs)) : gatesCodes,
        totalOutputs: stacked === undefined ? outputs : 3 * outputs,
        firstOutput: (stacked ?? 0) * outputs,
        codesT: training ? arena.reserve(codeBytes(inputs, outputs)) : spareCodesT,
        scale: stacked === undefined ? arena.floats(1) : gatesScales + stacked * 4,
      });
    place("rec.W_f", C, D, 0);
    place("rec.W_v", C, D, 1);
    place("rec.W_o", C, D, 2);
    place("rec.W_proj", D, C);
    place("ffn_up", F, D);
    place("ffn_down", D, F);
  }

  const largest = Math.max(C * D, D * F);
  const staging = training ? 0 : arena.floats(largest);
  const weights = arena.reserve(0);
  const parameters = table.map((parameter): PlacedParameter => {
    const [rows, columns] = parameter.shape.length === 2 ? parameter.shape : [1, parameter.count];
    const ternary = places.get(parameter.name);
    const address = ternary && !training ? staging : arena.floats(parameter.count);
    return { ...parameter, rows, columns, address, ...(ternary && { ternary }) };
  });
  const weightBytes = arena.reserve(0) - weights;
  const vectors = parameters.find((parameter) => parameter.kind === "vector")?.address ?? weights;

  return {
    config,
    recurrentWidth: C,
    parameters,
    weights,
    weightBytes,
    vectors,
    vectorCount: (weights + weightBytes - vectors) / 4,
    head: planHead(arena, kernels, config, training),
    model: arena.reserve(recordBytes(layout.Model)),
    blocks: arena.reserve(L * recordBytes(layout.Block)),
  };
}

function planHead(arena: Arena, kernels: Kernels, config: ModelConfig, training: boolean): ModelPlan["head"] {
  const { vocabSize: V, dModel: D } = config;
  if (config.activations === "int8") {
    const rowBytes = kernels.rowStride(D) >>> 0;
    return { kind: "int8", codes: arena.reserve(V * rowBytes), scales: arena.floats(V), rowBytes };
  }
  return {
    kind: "float32",
    panels: arena.reserve(kernels.columnPanelBytes(D, V) >>> 0),
    panelsT: training ? arena.reserve(kernels.columnPanelBytes(V, D) >>> 0) : 0,
  };
}

/** Writes the records through which the kernels find the model. */
export function writeModelRecords(memory: WebAssembly.Memory, plan: ModelPlan): void {
  const { config } = plan;
  const byName = new Map(plan.parameters.map((parameter) => [parameter.name, parameter]));
  const find = (name: string): PlacedParameter => {
    const parameter = byName.get(name);
    if (!parameter) throw new Error(`no parameter ${name}`);
    return parameter;
  };
  const at = (name: string) => find(name).address;
  const ternary = (name: string): TernaryPlace => {
    const place = find(name).ternary;
    if (!place) throw new Error(`${name} is not ternary`);
    return place;
  };

  writeRecord(memory, plan.model, layout.Model, {
    V: config.vocabSize,
    D: config.dModel,
    heads: config.nHeads,
    headWidth: config.dHead,
    L: config.nLayers,
    F: config.dFfn,
    windowNorm: config.headNorm === "window" ? 1 : 0,
    integer: config.activations === "int8" ? 1 : 0,
    embed: at("embed.weight"),
    headPanels: plan.head.kind === "float32" ? plan.head.panels : 0,
    headPanelsT: plan.head.kind === "float32" ? plan.head.panelsT : 0,
    embedCodes: plan.head.kind === "int8" ? plan.head.codes : 0,
    embedScales: plan.head.kind === "int8" ? plan.head.scales : 0,
    lnOutWeight: at("ln_out.weight"),
    lnOutBias: at("ln_out.bias"),
    vectors: plan.vectors,
    blocks: plan.blocks,
  });
  for (let l = 0; l < config.nLayers; l++) {
    const name = (suffix: string) => `blocks.${l}.${suffix}`;
    const [forget, value, output, proj, up, down] = ternaryNames.map((suffix) => ternary(name(`${suffix}.weight`)));
    const values: RecordValues<typeof layout.Block> = {
      ln1Weight: at(name("ln1.weight")),
      ln1Bias: at(name("ln1.bias")),
      mix1: at(name("mix1")),
      forgetBias: at(name("rec.f_bias")),
      gnWeight: at(name("rec.gn.weight")),
      gnBias: at(name("rec.gn.bias")),
      ln2Weight: at(name("ln2.weight")),
      ln2Bias: at(name("ln2.bias")),
      mix2: at(name("mix2")),
      // lb_l of MODEL.md
      forgetFloor: forgetFloor(config, l),
      gatesCodes: forget.codes,
      gatesScales: forget.scale,
      forgetCodesT: forget.codesT,
      valueCodesT: value.codesT,
      outputCodesT: output.codesT,
      projCodes: proj.codes,
      projCodesT: proj.codesT,
      projScale: proj.scale,
      upCodes: up.codes,
      upCodesT: up.codesT,
      upScale: up.scale,
      downCodes: down.codes,
      downCodesT: down.codesT,
      downScale: down.scale,
    };
    writeRecord(memory, plan.blocks + l * recordBytes(layout.Block), layout.Block, values);
  }
}

/** The least value of a layer's forget gates: lb in MODEL.md. */
export function forgetFloor({ nLayers }: ModelConfig, layer: number): number {
  return (0.9 * layer) / Math.max(1, nLayers - 1);
}
