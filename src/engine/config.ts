import { ConfigError } from "./errors.ts";
import { shown } from "./shown.ts";

/** What decides the shape of a model. Sizes are in elements; C, the width of the recurrence, is nHeads * dHead. */
export interface ModelConfig {
  /** V: ids are 0..vocabSize-1. At most 65,536, so that a token is a uint16. */
  readonly vocabSize: number;
  /** D: the width of the residual stream. */
  readonly dModel: number;
  /** Heads of the recurrence, which are normalised apart. */
  readonly nHeads: number;
  /** Channels in a head. */
  readonly dHead: number;
  /** L: the number of blocks. */
  readonly nLayers: number;
  /** F: the width of the feed-forward layer. */
  readonly dFfn: number;
  /** T: tokens in a training window. */
  readonly seqLen: number;
  /**
   * `"token"`: statistics per token, a causal model. `"window"`: over all tokens of a window, as the release has it,
   * which shows every token the future (MODEL.md): only for loading and studying such weights.
   */
  readonly headNorm: "token" | "window";
  /**
   * What products are made of: `"int8"`, inputs of ternary projections and of the head rounded once per token to whole
   * numbers, the embedding row by row, and their sums exact; or `"float32"`, all as it is.
   */
  readonly activations: "float32" | "int8";
}

/** The name of a preset. */
export type Preset = "tiny" | "small" | "medium" | "v5";

/**
 * The models that have a name: `tiny` learns visibly in a minute, `small` is what a laptop trains in an hour, `medium`
 * what two hours of two cores train well, and `v5` has the shape of the release.
 */
export const presets: Readonly<Record<Preset, ModelConfig>> = {
  /** Learns visibly in a minute. */
  tiny: {
    vocabSize: 1024,
    dModel: 128,
    nHeads: 4,
    dHead: 32,
    nLayers: 4,
    dFfn: 384,
    seqLen: 128,
    headNorm: "token",
    activations: "int8",
  },
  /** About 4 million parameters: what a laptop trains in an hour. */
  small: {
    vocabSize: 2048,
    dModel: 240,
    nHeads: 6,
    dHead: 40,
    nLayers: 6,
    dFfn: 720,
    seqLen: 256,
    headNorm: "token",
    activations: "int8",
  },
  /** 4.5 million parameters: what two hours of two cores train well on some 15 MB of text (docs/recipe.md). */
  medium: {
    vocabSize: 2048,
    dModel: 256,
    nHeads: 8,
    dHead: 32,
    nLayers: 6,
    dFfn: 768,
    seqLen: 256,
    headNorm: "token",
    activations: "int8",
  },
  /** FlashLM v5 "Thunderbolt" as released, 29,750,784 parameters, but with the causal head norm. */
  v5: {
    vocabSize: 8192,
    dModel: 384,
    nHeads: 8,
    dHead: 48,
    nLayers: 18,
    dFfn: 1152,
    seqLen: 256,
    headNorm: "token",
    activations: "int8",
  },
};

/** Upper limits that keep every size and product within 32 bits; far above what fits into memory. */
const limits = {
  vocabSize: 65_536,
  dModel: 16_384,
  nHeads: 1024,
  dHead: 16_384,
  nLayers: 1024,
  dFfn: 65_536,
  seqLen: 65_536,
} as const;

/**
 * Checks a configuration from outside (a file, an option) and returns it with nothing but the known fields.
 *
 * @throws ConfigError naming the first field that is missing, unknown, not a whole number or out of range.
 */
export function parseConfig(input: unknown): ModelConfig {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new ConfigError(`a configuration is an object such as ${JSON.stringify(presets.tiny)}, not ${shown(input)}`);
  }
  const fields = new Map<string, unknown>(Object.entries(input));
  const known = Object.keys(presets.tiny);
  for (const name of fields.keys()) {
    if (!known.includes(name))
      throw new ConfigError(`unknown field "${name}" in the configuration; known: ${known.join(", ")}`);
  }
  const size = (name: keyof typeof limits): number => {
    const value = fields.get(name);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > limits[name]) {
      throw new ConfigError(`${name} is ${shown(value)}; it must be a whole number from 1 to ${limits[name]}`);
    }
    return value;
  };
  const choice = <T extends string>(name: string, allowed: readonly T[], otherwise: T): T => {
    const value = fields.get(name) === undefined ? otherwise : fields.get(name);
    const found = allowed.find((one) => one === value);
    if (found === undefined) {
      throw new ConfigError(`${name} is ${shown(value)}; it must be ${allowed.map((one) => `"${one}"`).join(" or ")}`);
    }
    return found;
  };
  return {
    vocabSize: size("vocabSize"),
    dModel: size("dModel"),
    nHeads: size("nHeads"),
    dHead: size("dHead"),
    nLayers: size("nLayers"),
    dFfn: size("dFfn"),
    seqLen: size("seqLen"),
    headNorm: choice("headNorm", ["token", "window"], "token"),
    activations: choice("activations", ["int8", "float32"], "int8"),
  };
}

/**
 * A preset with some fields replaced. Where dModel or nHeads change and dHead is not given, dHead is their quotient.
 *
 * @throws ConfigError as {@link parseConfig}, and where dModel cannot be divided among nHeads.
 */
export function deriveConfig(base: ModelConfig, changes: unknown): ModelConfig {
  if (typeof changes !== "object" || changes === null || Array.isArray(changes)) return parseConfig(changes);
  // a field that is undefined has not been given
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const merged: Record<string, unknown> = { ...base, ...given };
  if (("dModel" in given || "nHeads" in given) && !("dHead" in given)) {
    const { dModel, nHeads } = parseConfig(merged);
    if (dModel % nHeads !== 0) {
      throw new ConfigError(`dModel ${dModel} cannot be divided among ${nHeads} heads; give another nHeads, or dHead`);
    }
    merged.dHead = dModel / nHeads;
  }
  return parseConfig(merged);
}

/** The configuration of a preset. @throws ConfigError for a name that is none. */
export function presetConfig(name: string): ModelConfig {
  const found = Object.entries(presets).find(([preset]) => preset === name);
  if (!found) throw new ConfigError(`unknown preset "${name}"; known: ${Object.keys(presets).join(", ")}`);
  return found[1];
}
