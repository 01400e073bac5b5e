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
