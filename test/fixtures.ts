import { readdirSync, readFileSync } from "node:fs";
import { type ModelConfig, parseConfig } from "../src/engine/config.ts";
import type { Values } from "../src/formats/parameter-values.ts";
import { float32Values, readSafetensors, type TensorView } from "../src/formats/safetensors.ts";

const folder = process.env.THUNDERBOLT_FIXTURES ?? new URL("fixtures", import.meta.url).pathname;

/** A golden file made with PyTorch; its form is described in fixtures/README.md. */
export class Fixture {
  readonly name: string;
  readonly config: ModelConfig;
  readonly batch: number;
  /** The numbers of index.json and the file's metadata. */
  readonly settings: Readonly<Record<string, number>>;
  readonly #tensors: ReadonlyMap<string, TensorView>;
  readonly #metadata: Readonly<Record<string, string>>;

  constructor(name: string) {
    const { tensors, metadata } = readSafetensors(readFileSync(`${folder}/${name}.safetensors`));
    this.name = name;
    this.#tensors = tensors;
    this.#metadata = metadata;
    this.settings = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, Number(value)]));
    const { vocab, d_model, n_heads, d_head, n_layers, d_ffn, seq_len } = this.settings;
    this.batch = this.settings.batch;
    this.config = parseConfig({
      vocabSize: vocab,
      dModel: d_model,
      nHeads: n_heads,
      dHead: d_head,
      nLayers: n_layers ?? this.#countLayers(),
      dFfn: d_ffn,
      seqLen: seq_len,
      headNorm: metadata.norm,
      activations: "float32",
    });
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  floats(name: string): Float32Array {
    return float32Values(this.#view(name), name);
  }

  integers(name: string): Int32Array {
    return integerValues(this.#view(name));
  }

  /** A list in the metadata, for example the `names` of the mid files. */
  names(): string[] {
    return JSON.parse(this.#metadata.names ?? "[]");
  }

  /** The parameters: floats, or int8 with an exponent for each tensor. */
  get parameters(): Values {
    const exponents: Record<string, number> = JSON.parse(this.#metadata.q8_exponents ?? "{}");
    return ({ name }) => {
      if (this.has(`param.${name}`)) return this.floats(`param.${name}`);
      return Float32Array.from(this.integers(`param_q8.${name}`), (q) => q * 2 ** -exponents[name]);
    };
  }

  #view(name: string): TensorView {
    const view = this.#tensors.get(name);
    if (!view) throw new Error(`${this.name} has no tensor ${name}`);
    return view;
  }

  #countLayers(): number {
    return new Set([...this.#tensors.keys()].map((name) => /\.blocks\.(\d+)\./.exec(name)?.[1]).filter(Boolean)).size;
  }
}

/** All golden files of the folder in THUNDERBOLT_FIXTURES, by default test/fixtures. */
export const fixtures = readdirSync(folder)
  .filter((file) => file.endsWith(".safetensors"))
  .map((file) => new Fixture(file.replace(/\.safetensors$/, "")));

/** The elements of a tensor of whole numbers, of which the golden files hold two types. */
export function integerValues({ dtype, bytes }: TensorView): Int32Array {
  const { buffer } = Uint8Array.from(bytes); // aligned
  if (dtype === "I64") return Int32Array.from(new BigInt64Array(buffer), Number);
  if (dtype === "I8") return Int32Array.from(new Int8Array(buffer));
  throw new Error(`a tensor of ${dtype}; expected I64 or I8`);
}

/** The largest |a - b|. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference; // NaN counts
  }
  return largest;
}

/** The largest |x|. */
export function largest(values: ArrayLike<number>): number {
  return largestDifference(values, new Float32Array(values.length));
}
