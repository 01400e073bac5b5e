import { FormatError } from "../engine/errors.ts";
import type { TensorView } from "./safetensors.ts";

/**
 * The elements of an F32, F16, BF16 or F64 tensor as float32, in a fresh aligned array (F64 is rounded to nearest).
 *
 * @param name the tensor's name, for the message.
 * @throws FormatError for a tensor of integers.
 */
export function float32Values(view: TensorView, name: string): Float32Array<ArrayBuffer> {
  const { bytes, dtype } = view;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case "F32": {
      const values = new Float32Array(bytes.length / 4);
      // A copy of bytes, not of numbers, keeps every NaN as it is; WebAssembly hosts are little-endian like the file.
      new Uint8Array(values.buffer).set(bytes);
      return values;
    }
    case "F64":
      return Float32Array.from({ length: bytes.length / 8 }, (_, i) => data.getFloat64(8 * i, true));
    case "BF16":
      return fromBits(bytes.length / 2, (i) => data.getUint16(2 * i, true) << 16);
    case "F16":
      return fromBits(bytes.length / 2, (i) => halfToSingle(data.getUint16(2 * i, true)));
    default:
      throw new FormatError(`tensor ${JSON.stringify(name)} is of ${dtype}; expected F32, F16, BF16 or F64`);
  }
}

/**
 * The elements of an I64, I32, I16, I8, U16 or U8 tensor as int32, in a fresh array.
 *
 * @param name the tensor's name, for the message.
 * @throws FormatError for other types, and for an I64 element that does not fit into 32 bits.
 */
export function integerValues(view: TensorView, name: string): Int32Array<ArrayBuffer> {
  const { bytes, dtype } = view;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case "I64":
      return Int32Array.from({ length: bytes.length / 8 }, (_, i) => {
        const value = data.getBigInt64(8 * i, true);
        if (BigInt.asIntN(32, value) !== value) {
          throw new FormatError(
            `tensor ${JSON.stringify(name)} has element ${i} = ${value}, which does not fit into 32 bits`,
          );
        }
        return Number(value);
      });
    case "I32":
      return Int32Array.from({ length: bytes.length / 4 }, (_, i) => data.getInt32(4 * i, true));
    case "I16":
      return Int32Array.from({ length: bytes.length / 2 }, (_, i) => data.getInt16(2 * i, true));
    case "U16":
      return Int32Array.from({ length: bytes.length / 2 }, (_, i) => data.getUint16(2 * i, true));
    case "I8":
      return Int32Array.from({ length: bytes.length }, (_, i) => data.getInt8(i));
    case "U8":
      return Int32Array.from(bytes);
    default:
      throw new FormatError(`tensor ${JSON.stringify(name)} is of ${dtype}; expected I64, I32, I16, I8, U16 or U8`);
  }
}

function fromBits(length: number, bitsAt: (index: number) => number): Float32Array<ArrayBuffer> {
  const bits = new Int32Array(length);
  for (let i = 0; i < length; i++) bits[i] = bitsAt(i);
  return new Float32Array(bits.buffer);
}

/** The bits of the float32 that equals a float16: sign 1, exponent 5 (bias 15), fraction 10. */
function halfToSingle(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal, fraction * 2^-24: its leading one, moved to bit 10, becomes the implied one of a float32.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
