import { type ModelConfig, parseConfig } from "../engine/config.ts";
import { FormatError, OptionError } from "../engine/errors.ts";
import { parameterTable } from "../engine/parameters.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type Values, valuesOf } from "./parameter-values.ts";
import { printable } from "./pickle-cursor.ts";
import { float32Values } from "./safetensors.ts";

/** What the shapes of a checkpoint do not say; each is otherwise taken from it where it says so, or has a default. */
export interface ImportOptions {
  /** Over what the head norm is taken; default "window", as in the release. */
  readonly headNorm?: ModelConfig["headNorm"] | undefined;
  /** Heads of the recurrence; default 8, as in the release. */
  readonly heads?: number | undefined;
  /** Tokens of a window; default 256, as in the release. */
  readonly seqLen?: number | undefined;
}

/** A model that came from elsewhere. */
export interface ImportedModel {
  readonly config: ModelConfig;
  readonly values: Values;
}

const RELEASED_HEADS = 8;
const RELEASED_SEQ_LEN = 256;

/**
 * The model of a checkpoint: its configuration from shapes, settings and options, its values as float32.
 *
 * @throws FormatError for tensors that are unknown or of other shapes, and for a head that is not the embedding (when
 * they are asked for: for those missing or not finite); OptionError for heads that do not divide the recurrence.
 */
export function importModel({ tensors, settings }: Checkpoint, options: ImportOptions = {}): ImportedModel {
  const sizes = (name: string): readonly number[] => {
    const shape = tensors.get(name)?.shape;
    if (shape?.length === 2) return shape;
    const found = shape ? `has shape [${shape}]` : "is missing";
    throw new FormatError(`tensor ${name} ${found}; these are not the weights of FlashLM v5 (names: ${some(tensors)})`);
  };
  const [vocabSize, dModel] = sizes("embed.weight");
  const [width] = sizes("blocks.0.rec.W_f.weight");
  const [dFfn] = sizes("blocks.0.ffn_up.weight");
  const blocks = [...tensors.keys()].map((name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? 0));
  const setting = (...names: string[]): unknown =>
    names.map((name) => settings.get(name)).find((value) => value !== undefined);

  const config = parseConfig({
    vocabSize,
    dModel,
    ...headsOf(width, options.heads, setting("n_heads", "nHeads"), setting("d_head", "dHead")),
    nLayers: blocks.reduce((most, block) => Math.max(most, block + 1), 1),
    dFfn,
    seqLen: options.seqLen ?? setting("seq_len", "seqLen") ?? RELEASED_SEQ_LEN,
    headNorm: options.headNorm ?? setting("headNorm") ?? "window",
    activations: "float32",
  });

  const known = new Set(parameterTable(config).map(({ name }) => name));
  const head = tensors.get("head.weight");
  const unknown = [...tensors.keys()].find((name) => !known.has(name) && name !== "head.weight");
  if (unknown !== undefined) {
    throw new FormatError(`tensor ${printable(unknown)} belongs to no FlashLM v5 model`);
  }
  const values = valuesOf(tensors);
  if (head) {
    const [embedding] = parameterTable(config);
    const embed = values(embedding);
    const other = float32Values(head, "head.weight");
    const at = other.length === embed.length ? other.findIndex((value, i) => value !== embed[i]) : 0;
    if (at >= 0) {
      throw new FormatError(
        `head.weight is not embed.weight (they differ at ${at}); in this model the head is the embedding`,
      );
    }
  }
  return { config, values };
}

/** Heads and their width, whose product is the width of the recurrence. */
function headsOf(width: number, asked: number | undefined, heads: unknown, channels: unknown) {
  if (asked !== undefined) {
    if (width % asked === 0) return { nHeads: asked, dHead: width / asked };
    throw new OptionError(`heads is ${asked}, which does not divide the recurrence's width of ${width}`);
  }
  if (typeof heads === "number" && heads >= 1) {
    if (heads * (typeof channels === "number" ? channels : width / heads) === width && width % heads === 0) {
      return { nHeads: heads, dHead: width / heads };
    }
    throw new FormatError(`its configuration has ${heads} heads, and the recurrence is ${width} wide; give --heads`);
  }
  if (width % RELEASED_HEADS === 0) return { nHeads: RELEASED_HEADS, dHead: width / RELEASED_HEADS };
  throw new FormatError(
    `a recurrence ${width} wide does not have the ${RELEASED_HEADS} heads of the release; give --heads`,
  );
}

function some(tensors: ReadonlyMap<string, unknown>): string {
  const names = [...tensors.keys()].slice(0, 3).map((name) => printable(name));
  return names.length > 0 ? `${names.join(", ")}, ...` : "none";
}
