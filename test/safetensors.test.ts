import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../src/engine/errors.ts";
import {
  type DType,
  elementBytes,
  float32Values,
  readSafetensors,
  type TensorView,
  writeSafetensors,
} from "../src/formats/safetensors.ts";

const fixtures = process.env.THUNDERBOLT_FIXTURES ?? fileURLToPath(new URL("./fixtures", import.meta.url));
const dtypes: readonly DType[] = [
  "F64",
  "F32",
  "F16",
  "BF16",
  "I64",
  "I32",
  "I16",
  "I8",
  "U64",
  "U32",
  "U16",
  "U8",
  "BOOL",
];

function join(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    file.set(chunk, offset);
    offset += chunk.length;
  }
  return file;
}

/** A file from a header's text and so many bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes = 0, headerBytes?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, headerBytes ?? BigInt(json.length), true);
  return join([length, json, new Uint8Array(dataBytes)]);
}

function view(dtype: DType, values: ArrayLike<number> | ArrayLike<bigint>, bytes: ArrayBuffer): TensorView {
  // One byte of offset, so that every reader meets unaligned data.
  const moved = new Uint8Array(bytes.byteLength + 1);
  moved.set(new Uint8Array(bytes), 1);
  return { dtype, shape: [values.length], bytes: moved.subarray(1) };
}

const tensor = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    fill: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ dtype, shape, fill }): TensorView => {
    const elements = shape.reduce((product, size) => product * size, 1);
    return { dtype, shape, bytes: new Uint8Array(elements * elementBytes(dtype)).fill(fill) };
  });
const text = fc.string({ unit: "grapheme", maxLength: 12 });
const name = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "data_offsets", '"data_offsets":[', "0", ""));
const tensors = fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 6 });
const metadata = fc.dictionary(fc.oneof(text, fc.constant("data_offsets")), text, { maxKeys: 4 });

describe("safetensors", () => {
  test("reads what it wrote", () => {
    fc.assert(
      fc.property(tensors, metadata, (entries, meta) => {
        const chunks = writeSafetensors(entries, meta);
        expect((chunks[0]?.length ?? 1) % 64).toBe(0);
        expect(chunks.slice(1)).toEqual(entries.map(([, { bytes }]) => bytes));
        const file = readSafetensors(join(chunks));
        expect(new Map(file.tensors)).toEqual(new Map(entries));
        expect(Object.entries(file.metadata).sort()).toEqual(Object.entries(meta).sort());
      }),
    );
  });

  test("equal input gives equal bytes, whatever the order of the metadata", () => {
    const entry = ["w", { dtype: "U8", shape: [2], bytes: new Uint8Array([1, 2]) }] as const;
    const bytes = join(writeSafetensors([entry], { a: "1", b: "2" }));
    expect(join(writeSafetensors([entry], { b: "2", a: "1" }))).toEqual(bytes);
  });

  test("does not copy: chunks are the tensors given, tensors are views of the file", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const chunks = writeSafetensors([["w", { dtype: "U8", shape: [3], bytes }]]);
    expect(chunks[1]).toBe(bytes);
    const file = join(chunks);
    expect(readSafetensors(file).tensors.get("w")?.bytes.buffer).toBe(file.buffer);
  });

  test("writes no file that it would not read", () => {
    const one: TensorView = { dtype: "F32", shape: [1], bytes: new Uint8Array(4) };
    expect(() =>
      writeSafetensors([
        ["w", one],
        ["w", one],
      ]),
    ).toThrow(/"w".*already taken/);
    expect(() => writeSafetensors([["__metadata__", one]])).toThrow(/reserved/);
    expect(() => writeSafetensors([["w", { ...one, shape: [2] }]])).toThrow(/"w" has 4 bytes.*F32 of shape \[2\]/);
  });

  test.each(readdirSync(fixtures).filter((file) => file.endsWith(".safetensors")))("reads %s", (file) => {
    const { tensors, metadata } = readSafetensors(readFileSync(`${fixtures}/${file}`));
    expect(tensors.size).toBeGreaterThan(10);
    const again = readSafetensors(join(writeSafetensors(tensors, metadata)));
    expect(again.metadata).toEqual(metadata);
    expect([...again.tensors.keys()]).toEqual([...tensors.keys()]);
    for (const [key, { dtype, shape, bytes }] of tensors) {
      const copy = again.tensors.get(key);
      expect(copy?.dtype).toBe(dtype);
      expect(copy?.shape).toEqual(shape);
      expect(Buffer.compare(copy?.bytes ?? new Uint8Array(), bytes)).toBe(0);
    }
    const logits = tensors.get("logits");
    if (!logits) throw new Error("fixture without logits");
    expect(float32Values(logits, "logits").every(Number.isFinite)).toBe(true);
  });
});

const good = '"dtype":"U8","shape":[2],"data_offsets":[0,2]';
const damaged: [what: string, file: Uint8Array, message: RegExp][] = [
  ["a file shorter than 8 bytes", new Uint8Array(7), /7 bytes/],
  ["a header longer than the file", fileOf("{}", 0, 3n), /longer than its file/],
  ["a header over the limit", fileOf("{}", 0, 1n << 63n), /9223372036854775808 bytes.*100000000/],
  ["a header that is not UTF-8", fileOf(new Uint8Array([0x7b, 0xff, 0x7d])), /not UTF-8/],
  ["a header that is not JSON", fileOf("{"), /not JSON/],
  ["a header of another file type", fileOf("<!DOCTYPE html>"), /not JSON/],
  ["a header nested without end", fileOf("[".repeat(200_000)), /not JSON|not a JSON object/],
  ["a header that is a list", fileOf("[]"), /not a JSON object/],
  ["a header that is null", fileOf("null"), /not a JSON object/],
  ["a header that starts with a space", fileOf(" {}"), /starts with \{/],
  ["a repeated name", fileOf(`{"a":{${good}},"a":{${good}}}`, 2), /repeated name/],
  ["metadata that is a list", fileOf('{"__metadata__":[]}'), /__metadata__ is \[\]/],
  ["metadata that is a number", fileOf('{"__metadata__":{"a":1}}'), /"a" is 1, not a string/],
  ["a tensor that is a string", fileOf('{"w":"x"}'), /"w" is described by "x"/],
  ["an unknown dtype", fileOf('{"w":{"dtype":"F8","shape":[],"data_offsets":[0,1]}}', 1), /"w" has dtype "F8"/],
  ["a dtype of the prototype", fileOf('{"w":{"dtype":"toString","shape":[],"data_offsets":[0,1]}}', 1), /dtype/],
  ["no shape", fileOf('{"w":{"dtype":"U8","data_offsets":[0,1]}}', 1), /"w" has shape missing/],
  ["a negative size", fileOf('{"w":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', 1), /shape \[-1\]/],
  ["half a size", fileOf('{"w":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}', 1), /shape \[1.5\]/],
  [
    "sizes whose product overflows",
    fileOf('{"w":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}'),
    /more elements than can be counted/,
  ],
  ["one offset", fileOf('{"w":{"dtype":"U8","shape":[2],"data_offsets":[2]}}', 2), /data_offsets \[2\]/],
  ["offsets that are strings", fileOf('{"w":{"dtype":"U8","shape":[2],"data_offsets":["0","2"]}}', 2), /data_offsets/],
  ["an end before its beginning", fileOf('{"w":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}', 2), /after its end/],
  ["truncated data", fileOf(`{"w":{${good}}}`, 1), /"w" ends at 2, beyond the 1 bytes.*truncated/],
  ["a length that is not the shape's", fileOf('{"w":{"dtype":"U16","shape":[2],"data_offsets":[0,2]}}', 2), /2 bytes/],
  [
    "an overlap",
    fileOf(`{"a":{${good}},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3),
    /"b" begins at 1.*overlap/,
  ],
  ["a hole", fileOf(`{"a":{${good}},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}`, 4), /"b".*hole/],
  ["a hole at the start", fileOf('{"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', 2), /"w".*hole/],
  ["trailing bytes", fileOf(`{"w":{${good}}}`, 5), /3 bytes after its last tensor/],
];

describe("a damaged safetensors file", () => {
  test.each(damaged)("%s", (_, file, message) => {
    const read = () => readSafetensors(file);
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/\n/);
  });

  test("mutations are read or refused by name", () => {
    const original = join(
      writeSafetensors(
        [
          ["embed.weight", { dtype: "F32", shape: [2, 3], bytes: new Uint8Array(24) }],
          ["ids", { dtype: "I64", shape: [2], bytes: new Uint8Array(16) }],
        ],
        { step: "7" },
      ),
    );
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 800; round++) {
      let file = original.slice();
      for (let change = random(3); change >= 0; change--) {
        // Half of the changes hit the digits, quotes and brackets of the header.
        const at = random(2) ? random(file.length) : random(Math.min(200, file.length));
        const kind = random(4);
        if (kind === 0) file[at] = random(256);
        else if (kind === 1) file[at] = '0123456789-[]{}",:e'.charCodeAt(random(19));
        else if (kind === 2) file = file.slice(0, at);
        else file = join([file.subarray(0, at), file.subarray(at + 1)]);
      }
      try {
        const { tensors } = readSafetensors(file);
        for (const { bytes } of tensors.values()) expect(bytes.length).toBeLessThanOrEqual(file.length);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });
});

describe("values of a tensor", () => {
  const numbers = [0, -0, 1, -2.5, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, Infinity, -Infinity, NaN];

  test("F32, F64", () => {
    const single = Float32Array.from(numbers);
    expect(float32Values(view("F32", single, single.buffer), "w")).toEqual(single);
    const double = Float64Array.from([...numbers, 0.1]);
    expect(float32Values(view("F64", double, double.buffer), "w")).toEqual(Float32Array.from(double));
  });

  test("F32 keeps the bits of a NaN", () => {
    const bits = Uint32Array.of(0x7fa00001, 0xffc12345);
    const values = float32Values(view("F32", bits, bits.buffer), "w");
    expect(new Uint32Array(values.buffer)).toEqual(bits);
  });

  test("every F16 and every BF16", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const half = float32Values(view("F16", all, all.buffer), "w");
    const brain = float32Values(view("BF16", all, all.buffer), "w");
    const bits = new Uint32Array(brain.buffer);
    for (let i = 0; i < 65536; i++) {
      const exponent = (i >> 10) & 31;
      const fraction = i & 1023;
      const size = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
      const value = exponent === 31 ? (fraction ? NaN : Infinity) : size;
      if (!Object.is(half[i], i & 0x8000 ? -value : value)) expect.fail(`F16 ${i}: ${half[i]}`);
      if (bits[i] !== (i << 16) >>> 0) expect.fail(`BF16 ${i}: ${bits[i]}`);
    }
  });

  test("refuses what it cannot hold", () => {
    const bytes = new Uint8Array(4);
    expect(() => float32Values(view("I8", bytes, bytes.buffer), "w")).toThrow(/"w" is of I8/);
  });
});
