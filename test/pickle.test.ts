import { describe, expect, test } from "vitest";
import { FormatError } from "../src/engine/errors.ts";
import { unpickle } from "../src/formats/pickle.ts";
import { readTorchFile } from "../src/formats/torch-file.ts";
import { TorchTensor } from "../src/formats/torch-tensor.ts";
import { readZip } from "../src/formats/zip.ts";
import { bytes, int, little, tensor, text, torchFile, zip } from "./torch-bytes.ts";

const nothing = { globals: new Map(), load: () => null };
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe("a pickle", () => {
  test("of plain values", () => {
    // {'a': [1, -2, 2**40, 2**70, 1.5], 'b': (True, False, None), 3: 'é'}, as Python 3.11 writes it in protocols 2 and 5
    const written = [
      "80027d71002858010000006171015d7102284b014afeffffff8a060000000000018a09000000000000000040473ff800000000000065580100000062710388894e8771044b035802000000c3a97105752e",
      "80059540000000000000007d94288c0161945d94284b014afeffffff8a060000000000018a09000000000000000040473ff8000000000000658c01629488894e87944b038c02c3a994752e",
    ];
    for (const hex of written) {
      const program = Uint8Array.from(Buffer.from(hex, "hex"));
      expect(unpickle(program, nothing)).toEqual(
        new Map<unknown, unknown>([
          ["a", [1, -2, 2 ** 40, 2n ** 70n, 1.5]],
          ["b", [true, false, null]],
          [3, "é"],
        ]),
      );
    }
  });

  test.each<[string, (number | string | Uint8Array)[], RegExp]>([
    ["os.system", ["cposix\nsystem\n", text("id"), 0x85, "R"], /posix\.system/],
    ["os.system, protocol 4", [0x8c, 5, "posix", 0x8c, 6, "system", 0x93, text("id"), 0x85, "R"], /posix\.system/],
    ["builtins.eval", ["cbuiltins\neval\n", text("1"), 0x85, "R"], /builtins\.eval/],
    ["a nested global", ["ctorch\nSize.__class__\n", text("1"), 0x85, "R"], /torch\.Size\.__class__/],
    [
      "a nested global, protocol 4",
      [text("torch"), text("serialization.os.system"), 0x93],
      /torch\.serialization\.os\.system/,
    ],
    [
      "getattr on what is allowed",
      ["c__builtin__\ngetattr\nctorch\nSize\n", text("mro"), 0x86, "R"],
      /__builtin__\.getattr/,
    ],
    ["a call of what is no function", [text("f"), ")R"], /the call of f/],
    ["a call of a dtype", ["ctorch\nfloat32\n)R"], /the call of torch\.float32/],
    ["INST", ["(", text("id"), "iposix\nsystem\n"], /posix\.system/],
    ["OBJ", ["(ccollections\nOrderedDict\no"], /OBJ \(0x6f\)/],
    ["NEWOBJ", ["ccollections\nOrderedDict\n)", 0x81], /NEWOBJ \(0x81\)/],
    ["NEWOBJ_EX", ["ccollections\nOrderedDict\n)}", 0x92], /NEWOBJ_EX/],
    ["EXT1", [0x82, 1], /EXT1/],
    ["EXT4", [0x84, 1, 0, 0, 0], /EXT4/],
    ["BUILD", ["ccollections\nOrderedDict\n)R}", text("__class__"), text("x"), "sb"], /the state of a dict/],
    ["BUILD of a class", ["ctorch\nSize\n}", text("_metadata"), "Nsb"], /the state of torch\.Size/],
    ["a persistent id of protocol 0", ["Pos.system\n"], /PERSID/],
    ["an unknown instruction", [0xff], /0xff/],
    ["a name that is none", [")", text("x"), 0x93], /a list of 0\.x/],
    ["a name with control characters", ["cos\x1b[2J\nsystem\n"], /os\?\[2J\.system/],
    ["a set", [0x8f], /EMPTY_SET/],
    ["a tensor of version 3", ["ctorch._utils\n_rebuild_tensor_v3\n"], /_rebuild_tensor_v3/],
  ])("is refused for %s", (_, program, culprit) => {
    const file = torchFile(program);
    expect(() => readTorchFile(file)).toThrow(FormatError);
    expect(() => readTorchFile(file)).toThrow(culprit);
    expect(() => readTorchFile(file)).toThrow(/^[\x20-\x7e]+$/);
  });

  test.each<[string, (number | string | Uint8Array)[]]>([
    ["an empty stack", ["0"]],
    ["no mark", ["t"]],
    ["a stack below a mark", ["N(0"]],
    ["an unknown memo", ["h\x07"]],
    ["a list that is none", ["NNa"]],
    ["a dict that is none", ["NNNs"]],
    ["a key without a value", ["}(Nu"]],
    ["an end in an instruction", ["X", little(99, 4)]],
    ["a text longer than any file", [0x8d, little(2n ** 63n, 8)]],
    ["text that is not UTF-8", [0x8c, 1, 0xff]],
    ["a name without an end", ["cposix"]],
    ["a global of the wrong arguments", ["ctorch\nSize\n)R"]],
    ["a size below 0", ["ctorch\nSize\n", int(-1), 0x85, 0x85, "R"]],
    ["a persistent id that is none", ["NQ"]],
    ["a tensor in no storage", ["ctorch._utils\n_rebuild_tensor_v2\n(NK\0))tR"]],
  ])("with %s is damaged", (_, program) => {
    expect(() => readTorchFile(torchFile(program))).toThrow(FormatError);
  });

  test("of protocols 0, 1 and 6 is refused", () => {
    for (const program of [bytes("(lp0\n."), bytes(0x80, 1, "N."), bytes(0x80, 6, "N.")]) {
      expect(() => unpickle(program, nothing)).toThrow(/protocol/);
    }
  });

  test("takes no more memory than a constant, whatever it asks for", () => {
    const repeated = (count: number, ...parts: (number | string)[]) => {
      const part = bytes(...parts);
      return Uint8Array.from({ length: count * part.length }, (_, i) => part[i % part.length]);
    };
    const most = (1 << 22) - 100;
    const bombs: [string, (number | string | Uint8Array)[], RegExp | undefined][] = [
      ["nested lists", [repeated(most, "]")], /500000/],
      ["nested dicts", [repeated(most, "}")], /500000/],
      ["nested tuples", ["N", repeated(most, 0x85)], /500000/],
      ["ordered dicts", ["ccollections\nOrderedDict\nq\0", repeated(most / 4, "h\0)R")], /500000/],
      ["marks", [repeated(most, "(")], /stack/],
      ["a memo of everything", ["N", repeated(most, 0x94)], /1000000/],
      ["tuples that double", ["N", repeated(10_000, "q\0h\0", 0x86)], undefined],
      ["a list that holds itself", ["]q\0", repeated(100_000, "h\0a")], undefined],
      ["a pickle beyond all bounds", [repeated(1 << 22, "N")], /4194304/],
    ];
    for (const [name, program, refusal] of bombs) {
      const file = torchFile(program);
      if (refusal) expect(() => readTorchFile(file), name).toThrow(refusal);
      else readTorchFile(file);
      expect(process.memoryUsage().heapUsed, name).toBeLessThan(2 ** 30);
    }
  });
});

describe("a tensor", () => {
  const storage = { key: "0", count: 6 };
  const read = (program: Uint8Array, ...storages: Uint8Array[]) => {
    const value = readTorchFile(torchFile([program], storages));
    if (!(value instanceof TorchTensor)) throw new Error("no tensor");
    const { dtype, shape, bytes } = value.view();
    expect(dtype).toBe("F32");
    return [shape, [...new Float32Array(bytes.slice().buffer)]];
  };
  const six = floats(0, 1, 2, 3, 4, 5);

  test.each<[string, number[], number[], number, number[]]>([
    ["contiguous", [2, 3], [3, 1], 0, [0, 1, 2, 3, 4, 5]],
    ["transposed", [3, 2], [1, 3], 0, [0, 3, 1, 4, 2, 5]],
    ["part of a storage", [2], [1], 3, [3, 4]],
    ["a column", [2], [3], 1, [1, 4]],
    ["one element", [], [], 5, [5]],
    ["of no elements", [0, 3], [3, 1], 6, []],
    ["with sizes of 1 and strides of anything", [1, 2, 1], [99, 1, 77], 2, [2, 3]],
  ])("%s", (_, shape, strides, offset, values) => {
    expect(read(tensor(storage, shape, strides, offset), six)).toEqual([shape, values]);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["beyond its storage", tensor(storage, [7], [1]), /\[7\].*storage 0 of 6/],
    ["beyond its storage by its offset", tensor(storage, [6], [1], 1), /from 1 on/],
    ["beyond its storage by its strides", tensor(storage, [2, 3], [4, 1]), /strides \[4,1\]/],
    ["with an overflowing stride", tensor(storage, [3, 2], [2 ** 52, 1]), /within/],
    ["with an overflowing shape", tensor(storage, [2 ** 40, 2 ** 40], [0, 0]), /within/],
    ["that repeats an element", tensor(storage, [2 ** 40], [0]), /1099511627776 elements and a storage of 6/],
    ["without strides", tensor(storage, [2, 3], []), /within/],
    ["of a negative size", tensor(storage, [-2], [1]), /-2/],
    ["in a storage that is not there", tensor({ key: "1", count: 6 }, [6], [1]), /storage 1 is not in the zip/],
    ["in a storage that is too short", tensor({ key: "0", count: 7 }, [7], [1]), /24 bytes.*7 elements of F32/],
    ["of an unknown type", tensor({ ...storage, type: "ComplexFloatStorage" }, [3], [1]), /torch\.ComplexFloatStorage/],
    ["outside of its folder", tensor({ key: "../data.pkl", count: 1 }, [1], [1]), /is not in the zip/],
  ])("%s is refused", (_, program, culprit) => {
    expect(() => read(program, six)).toThrow(FormatError);
    expect(() => read(program, six)).toThrow(culprit);
  });
});

describe("a zip", () => {
  const entries: [string, Uint8Array][] = [
    ["a/data.pkl", bytes("hello")],
    ["a/data/0", new Uint8Array(0)],
  ];

  test.each([false, true])("is read as it was written, ZIP64 %s", (zip64) => {
    expect([...readZip(zip(entries, zip64))]).toEqual(entries);
    expect([...readZip(bytes(zip([]), ""))]).toEqual([]);
  });

  test.each([false, true])("never gives anything outside the file, ZIP64 %s", (zip64) => {
    const file = zip(entries, zip64);
    for (let i = 0; i < file.length; i++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const damaged = file.slice();
        damaged[i] = value;
        try {
          for (const content of readZip(damaged).values()) expect(content.length).toBeLessThanOrEqual(file.length);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }
      expect(() => readZip(file.subarray(0, i))).toThrow(FormatError);
    }
  });

  test("with compressed, encrypted or repeated entries is refused", () => {
    const file = zip(entries);
    const directory = Buffer.from(file).indexOf("PK\x01\x02");
    const changed = (at: number, value: number) => file.map((byte, i) => (i === directory + at ? value : byte));
    expect(() => readZip(changed(10, 8))).toThrow(/"a\/data\.pkl" is compressed/);
    expect(() => readZip(changed(8, 1))).toThrow(/encrypted/);
    expect(() => readZip(zip([entries[0], entries[0]]))).toThrow(/there twice/);
    expect(() => readTorchFile(zip([["a/other", bytes("x")]]))).toThrow(/0 entries NAME\/data\.pkl/);
    expect(() => readTorchFile(zip([...entries, ["b/data.pkl", bytes("x")]]))).toThrow(/2 entries/);
    expect(() => readTorchFile(zip([...entries, ["a/byteorder", bytes("big")]]))).toThrow(/"big"/);
  });
});
