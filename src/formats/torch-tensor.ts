import { FormatError } from "../engine/errors.ts";
import { type DType, elementBytes, type TensorView } from "./safetensors.ts";

/** The memory of one or several tensors: a view into the file. */
export class TorchStorage {
  readonly key: string;
  readonly dtype: DType;
  /** How many elements the file says that there are; the bytes are checked to hold them. */
  readonly count: number;
  readonly bytes: Uint8Array;

  /** @throws FormatError for fewer bytes than the elements take. */
  constructor(key: string, dtype: DType, count: number, bytes: Uint8Array) {
    if (count * elementBytes(dtype) > bytes.length) {
      throw new FormatError(`storage ${key} has ${bytes.length} bytes, too few for its ${count} elements of ${dtype}`);
    }
    this.key = key;
    this.dtype = dtype;
    this.count = count;
    this.bytes = bytes;
  }
}

/** A tensor as PyTorch has it: sizes and strides, in elements, over a storage that it may share. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  /** How many elements it has. */
  readonly count: number;

  /** @throws FormatError where an element would lie outside the storage. */
  constructor(storage: TorchStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
    this.count = shape.reduce((product, size) => product * size, 1);
    const last = shape.reduce((at, size, d) => at + (size - 1) * strides[d], offset);
    const fits = this.count === 0 || (last < storage.count && this.count < Number.MAX_SAFE_INTEGER);
    if (strides.length !== shape.length || !fits) {
      throw new FormatError(
        `a tensor [${shape}] with strides [${strides}] from ${offset} on is not within storage ${storage.key} of ${storage.count} elements`,
      );
    }
  }

  /** How many bytes its elements take. */
  get byteLength(): number {
    return this.count * elementBytes(this.storage.dtype);
  }

  /**
   * Its elements in row-major order: a view into the file where they lie in that order, a copy otherwise.
   *
   * @throws FormatError for a tensor with more elements than its storage, which repeats some.
   */
  view(): TensorView {
    const { storage, shape, strides, offset, count } = this;
    const { dtype, bytes } = storage;
    if (count > storage.count) {
      throw new FormatError(`has ${count} elements and a storage of ${storage.count}; save it with .contiguous()`);
    }
    const size = elementBytes(dtype);
    let expected = 1;
    let contiguous = true;
    for (let d = shape.length - 1; d >= 0; d--) {
      if (shape[d] !== 1 && strides[d] !== expected) contiguous = false;
      expected *= shape[d];
    }
    if (contiguous || count === 0) {
      return { dtype, shape, bytes: bytes.subarray(offset * size, (offset + count) * size) };
    }
    return { dtype, shape, bytes: gather(this, size) };
  }
}

/** Copies elements in row-major order. */
function gather({ storage: { bytes }, shape, strides, offset, count }: TorchTensor, size: number): Uint8Array {
  const out = new Uint8Array(count * size);
  const index = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < count; to++) {
    for (let b = 0; b < size; b++) out[to * size + b] = bytes[from * size + b];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}
