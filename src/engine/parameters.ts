import type { ModelConfig } from "./config.ts";

/**
 * What a parameter is for.
 * - `embedding`: embed.weight, which is also the head
 * - `ternary`: a matrix that is used as scale * {-1, 0, 1}
 * - `vector`: everything else, one number a channel
 */
export type ParameterKind = "embedding" | "ternary" | "vector";

/** One tensor of the model. */
export interface Parameter {
  /** Its name in the original state_dict, for example `blocks.3.rec.W_f.weight`. */
  readonly name: string;
  readonly kind: ParameterKind;
  /** [rows, columns] or [channels]. */
  readonly shape: readonly number[];
  readonly count: number;
  /** How it starts: normal with this variance, or, where that is 0, the constant `fill` (MODEL.md, Initialisation). */
  readonly variance: number;
  readonly fill: number;
}

/** The six ternary matrices of a block, without `blocks.N.` and `.weight`, in the order of the table. */
export const ternaryNames = ["rec.W_f", "rec.W_v", "rec.W_o", "rec.W_proj", "ffn_up", "ffn_down"] as const;

/**
 * Every parameter of a model. This is the one place that knows names, shapes and initial values: memory, files,
 * counts and `info` come from it. Matrices first, vectors after them, each in order of the blocks.
 */
export function parameterTable(config: ModelConfig): readonly Parameter[] {
  const { vocabSize: V, dModel: D, dFfn: F, nLayers: L } = config;
  const C = config.nHeads * config.dHead;
  const table: Parameter[] = [];
  const add = (name: string, kind: ParameterKind, shape: readonly number[], variance: number, fill = 0) =>
    table.push({ name, kind, shape, count: shape.reduce((a, b) => a * b, 1), variance, fill });

  add("embed.weight", "embedding", [V, D], 0.02 * 0.02);
  for (let l = 0; l < L; l++) {
    const shapes: Record<(typeof ternaryNames)[number], readonly [rows: number, columns: number]> = {
      "rec.W_f": [C, D],
      "rec.W_v": [C, D],
      "rec.W_o": [C, D],
      "rec.W_proj": [D, C],
      ffn_up: [F, D],
      ffn_down: [D, F],
    };
    // 2 / fan_out
    for (const name of ternaryNames) add(`blocks.${l}.${name}.weight`, "ternary", shapes[name], 2 / shapes[name][0]);
  }
  for (let l = 0; l < L; l++) {
    add(`blocks.${l}.mix1`, "vector", [D], 0);
    add(`blocks.${l}.mix2`, "vector", [D], 0);
    add(`blocks.${l}.ln1.weight`, "vector", [D], 0, 1);
    add(`blocks.${l}.ln1.bias`, "vector", [D], 0);
    add(`blocks.${l}.ln2.weight`, "vector", [D], 0, 1);
    add(`blocks.${l}.ln2.bias`, "vector", [D], 0);
    add(`blocks.${l}.rec.f_bias`, "vector", [C], 0);
    add(`blocks.${l}.rec.gn.weight`, "vector", [C], 0, 1);
    add(`blocks.${l}.rec.gn.bias`, "vector", [C], 0);
  }
  add("ln_out.weight", "vector", [D], 0, 1);
  add("ln_out.bias", "vector", [D], 0);
  return table;
}

/** How many numbers a model has, in all and by kind. */
export function countParameters(config: ModelConfig): { total: number } & Record<ParameterKind, number> {
  const counts = { total: 0, embedding: 0, ternary: 0, vector: 0 };
  for (const { kind, count } of parameterTable(config)) {
    counts[kind] += count;
    counts.total += count;
  }
  return counts;
}
