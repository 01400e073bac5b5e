import { FormatError } from "../engine/errors.ts";
import { describe, PickleGlobal, unpickle } from "./pickle.ts";
import type { DType } from "./safetensors.ts";
import { TorchStorage, TorchTensor } from "./torch-tensor.ts";
import { readZip } from "./zip.ts";

/** PyTorch's classes of storages, and what they hold. */
const storages: Readonly<Record<string, DType>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** Types of numbers that a configuration may mention. */
const dtypes = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split(" ");

const storageTypes = new Map(
  Object.entries(storages).map(([name, dtype]) => [new PickleGlobal(`torch.${name}`), dtype] as const),
);

/** All that a checkpoint's pickle may name (torch/_utils.py says what the arguments are). */
const globals: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    ...storageTypes.keys(),
    ...dtypes.map((name) => new PickleGlobal(`torch.${name}`)),
    new PickleGlobal("collections.OrderedDict", (args) => {
      if (args.length > 0) throw new FormatError("an OrderedDict is made from arguments; torch.save makes it empty");
      return new Map();
    }),
    new PickleGlobal("torch.Size", ([sizes]) => sizesOf(sizes, "the sizes of a torch.Size")),
    new PickleGlobal("torch._utils._rebuild_tensor_v2", ([storage, offset, shape, strides]) => {
      if (!(storage instanceof TorchStorage)) throw new FormatError(`a tensor lies in ${describe(storage)}`);
      const [at] = sizesOf([offset], "the offset of a tensor");
      return new TorchTensor(storage, at, sizesOf(shape, "a shape"), sizesOf(strides, "the strides of a tensor"));
    }),
    new PickleGlobal("torch._utils._rebuild_parameter", ([tensor]) => {
      if (!(tensor instanceof TorchTensor)) throw new FormatError(`a parameter is made from ${describe(tensor)}`);
      return tensor;
    }),
  ].map((known) => [known.name, known]),
);

/**
 * Reads what torch.save wrote (PyTorch 1.6 and later: a zip of `NAME/data.pkl` and of storages `NAME/data/KEY`): plain
 * values as {@link unpickle} gives them, and {@link TorchTensor}s over views into the file. Nothing in it is ever run.
 *
 * @throws FormatError for other and older forms, damage, and a pickle that asks for anything else.
 */
export function readTorchFile(file: Uint8Array): unknown {
  const entries = readZip(file);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new FormatError(`a zip with ${pickles.length} entries NAME/data.pkl; torch.save writes one`);
  }
  const root = pickles[0].slice(0, -"data.pkl".length);
  const entry = (name: string) => entries.get(root + name);
  const order = new TextDecoder().decode(entry("byteorder")?.subarray(0, 20)) || "little";
  if (order !== "little") throw new FormatError(`byteorder is ${JSON.stringify(order)}; only "little" is read`);
  return unpickle(entry("data.pkl") ?? new Uint8Array(), {
    globals,
    load: (id) => {
      const [kind, type, key, , count] = Array.isArray(id) ? id : [];
      const dtype = type instanceof PickleGlobal ? storageTypes.get(type) : undefined;
      if (kind !== "storage" || !dtype || typeof key !== "string") {
        throw new FormatError(`a persistent id is ${describe(id)} of ${describe(type)}, which names no storage`);
      }
      const bytes = entry(`data/${key}`);
      if (!bytes) throw new FormatError(`storage ${describe(key)} is not in the zip: damaged file?`);
      return new TorchStorage(describe(key), dtype, sizesOf([count], "the size of a storage")[0], bytes);
    },
  });
}

/** More dimensions than the tensors of a checkpoint have. */
const MAX_DIMENSIONS = 16;

function sizesOf(value: unknown, what: string): number[] {
  const sizes: unknown[] = Array.isArray(value) ? value : [value];
  if (sizes.length > MAX_DIMENSIONS)
    throw new FormatError(`${what} are ${sizes.length}; at most ${MAX_DIMENSIONS} are read`);
  return sizes.map((size) => {
    if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return size;
    throw new FormatError(`${what} is or has ${describe(size)}; expected whole numbers from 0`);
  });
}
