import { type ModelConfig, parseConfig } from "../engine/config.ts";
import { FormatError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { type Parameter, parameterTable } from "../engine/parameters.ts";
import { floatTensor, parseJson } from "./model-file.ts";
import { valuesOf } from "./parameter-values.ts";
import { type DType, float32Values, type TensorView, writeSafetensors } from "./safetensors.ts";

/**
 * The packed form of a model, `.thunderbolt`: what inference needs and no more, in one safetensors file.
 *
 * - a ternary matrix as `NAME.codes`, U8 [ceil(inputs / 16), outputs, 4], two bits a weight as the kernels read them
 *   (assembly/ternary/codes.ts), and `NAME.scale`, F32 [1]
 * - the embedding as `embed.weight.codes`, I8 [V, D], and `embed.weight.scales`, F32 [V]: a row is scale * codes
 * - every vector as it is, F32
 */
export const PACKED_FORMAT = "thunderbolt-packed-1";

/** A ternary matrix: scale * {-1, 0, 1}. */
interface PackedMatrix {
  /** [ceil(inputs / 16)][outputs][4]; what a file has there, be they codes or not. */
  readonly codes: Uint8Array;
  readonly scale: number;
}

/** Rows of whole numbers, each with its scale. */
interface PackedRows {
  /** [V][D]. */
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/** The parameters of a packed model. */
export interface PackedParameters {
  matrix(parameter: Parameter): PackedMatrix;
  embedding(parameter: Parameter): PackedRows;
  vector(parameter: Parameter): Float32Array;
}

/**
 * Reads a packed model from the tensors of its file.
 *
 * @throws FormatError for tensors that are unknown; when they are asked for, for those that are missing, of another
 * shape or type, or hold what no model does.
 */
export function readPacked(
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, TensorView>,
  name: string,
): { readonly config: ModelConfig; readonly parameters: PackedParameters } {
  const config = naming(name, () => parseConfig(parseJson(metadata.config)));
  const known = new Set(parameterTable(config).flatMap(tensorNames));
  for (const tensor of tensors.keys()) {
    if (!known.has(tensor)) {
      throw new FormatError(`${name}: tensor ${tensor} belongs to no packed model of this configuration`);
    }
  }
  const find = (tensor: string, dtype: DType, shape: readonly number[]): TensorView => {
    const view = tensors.get(tensor);
    if (!view) throw new FormatError(`${name}: tensor ${tensor} is missing`);
    if (view.dtype !== dtype || view.shape.join("x") !== shape.join("x")) {
      throw new FormatError(
        `${name}: tensor ${tensor} is ${view.dtype} [${view.shape}]; the configuration says ${dtype} [${shape}]`,
      );
    }
    return view;
  };
  const scales = (tensor: string, count: number): Float32Array => {
    const values = float32Values(find(tensor, "F32", [count]), tensor);
    const bad = values.find((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
    if (bad !== undefined) throw new FormatError(`${name}: tensor ${tensor} holds ${bad}; a scale is finite, from 0`);
    return values;
  };
  const vectors = valuesOf(tensors);
  return {
    config,
    parameters: {
      matrix: ({ name: matrix, shape: [outputs, inputs] }) => {
        const { bytes } = find(`${matrix}.codes`, "U8", [Math.ceil(inputs / 16), outputs, 4]);
        return { codes: bytes, scale: scales(`${matrix}.scale`, 1)[0] };
      },
      embedding: ({ name: embedding, shape: [V, D] }) => {
        const { bytes } = find(`${embedding}.codes`, "I8", [V, D]);
        const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
        if (codes.includes(-128))
          throw new FormatError(`${name}: tensor ${embedding}.codes holds -128; expected -127..127`);
        return { codes, scales: scales(`${embedding}.scales`, V) };
      },
      vector: (parameter) => naming(name, () => vectors(parameter)),
    },
  };
}

/** A packed model's file in chunks; the same parameters give the same bytes. */
export function writePacked(
  config: ModelConfig,
  tokenizerJson: string,
  parameters: PackedParameters,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const tensors = parameterTable(config).flatMap((parameter): (readonly [string, TensorView])[] => {
    const names = tensorNames(parameter);
    const { kind, shape } = parameter;
    if (kind === "vector") return [[names[0], floatTensor(shape, parameters.vector(parameter))]];
    if (kind === "embedding") {
      const { codes, scales } = parameters.embedding(parameter);
      const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.length);
      return [
        [names[0], { dtype: "I8", shape, bytes }],
        [names[1], floatTensor([shape[0]], scales)],
      ];
    }
    const { codes, scale } = parameters.matrix(parameter);
    return [
      [names[0], { dtype: "U8", shape: [Math.ceil(shape[1] / 16), shape[0], 4], bytes: codes }],
      [names[1], floatTensor([1], Float32Array.of(scale))],
    ];
  });
  // the tokenizer.json without its blanks
  const tokenizer = JSON.stringify(JSON.parse(tokenizerJson));
  return writeSafetensors(tensors, { ...metadata, format: PACKED_FORMAT, config: JSON.stringify(config), tokenizer });
}

function tensorNames({ name, kind }: Parameter): string[] {
  if (kind === "vector") return [name];
  return kind === "embedding" ? [`${name}.codes`, `${name}.scales`] : [`${name}.codes`, `${name}.scale`];
}
