import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { OptionError, ThunderboltError } from "../src/engine/errors.ts";
import { compileKernels } from "../src/engine/module.ts";
import { parameterTable } from "../src/engine/parameters.ts";
import { readCheckpoint } from "../src/formats/checkpoint.ts";
import { type ImportOptions, importModel } from "../src/formats/import-model.ts";
import { floatTensor } from "../src/formats/model-file.ts";
import { float32Values, readSafetensors, type TensorView, writeSafetensors } from "../src/formats/safetensors.ts";
import { writeStateDict } from "../src/formats/state-dict.ts";
import { placeModel } from "../src/inference/placed-model.ts";
import { Runner } from "../src/inference/runner.ts";
import { integerValues, largestDifference } from "./fixtures.ts";
import { uniforms } from "./kernels/harness.ts";
import { oddConfig, randomValues } from "./model.ts";
import { mutate } from "./mutate.ts";
import { bytes, tensor, text, torchFile } from "./torch-bytes.ts";

/** As in the comparison with the golden files (parity.test.ts). */
const LOGITS = 5e-6;

const compiled = compileKernels();
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`fixtures/checkpoints/${name}`, import.meta.url)));
const files = { bare: fixture("bare.pt"), compiled: fixture("compiled.pt") };
const { tensors: expected } = readSafetensors(fixture("logits.safetensors"));

function expectedTensor(name: string): TensorView {
  const view = expected.get(name);
  if (!view) throw new Error(`no tensor ${name}`);
  return view;
}

function load(file: Uint8Array, options?: ImportOptions) {
  return importModel(readCheckpoint(file), options);
}

/** The tensors of the bare checkpoint as float32, to be put together otherwise. */
function bareTensors(): Map<string, TensorView> {
  return new Map(readCheckpoint(files.bare).tensors);
}

function safetensors(tensors: Iterable<readonly [string, TensorView]>): Uint8Array {
  return bytes(...writeSafetensors(tensors, { format: "pt" }));
}

describe("a checkpoint that PyTorch wrote", () => {
  const ids = integerValues(expectedTensor("ids"));

  test.each([
    ["bare", "window"],
    ["bare", "token"],
    ["compiled", "window"],
    ["compiled", "token"],
  ] as const)("%s.pt gives PyTorch's logits, head norm %s", (name, headNorm) => {
    const { config, values } = load(files[name], { headNorm });
    const runner = Runner.of(placeModel(compiled, config, { kind: "values", values }));
    runner.forward(ids);
    const logits = runner.logits(0, ids.length);
    const wanted = float32Values(expectedTensor(`${name}.${headNorm}`), name);
    expect(largestDifference(logits, wanted)).toBeLessThan(LOGITS);
  });

  test("says by its shapes what model it is, and by its configuration what shapes do not say", () => {
    const window = { headNorm: "window", activations: "float32" };
    const bare = { vocabSize: 260, dModel: 10, nHeads: 8, dHead: 2, nLayers: 2, dFfn: 18, seqLen: 256, ...window };
    const inside = { vocabSize: 260, dModel: 9, nHeads: 3, dHead: 4, nLayers: 2, dFfn: 14, seqLen: 32, ...window };
    expect(load(files.bare).config).toEqual(bare);
    expect(load(files.compiled).config).toEqual(inside);
    expect(load(files.compiled, { heads: 6, seqLen: 7 }).config).toEqual({ ...inside, nHeads: 6, dHead: 2, seqLen: 7 });
    expect(() => load(files.bare, { heads: 3 })).toThrow(OptionError);
    expect(() => load(files.bare, { heads: 3 })).toThrow(/heads is 3.* 16/);
  });

  test("keeps tensors as views into the file where they are contiguous", () => {
    const { tensors } = readCheckpoint(files.bare);
    const copied = [...tensors].filter(([, { bytes }]) => bytes.buffer !== files.bare.buffer).map(([name]) => name);
    expect(copied).toEqual(["blocks.0.ffn_up.weight"]);
    expect(tensors.get("blocks.1.mix2")?.bytes.byteOffset).toBe(
      (tensors.get("blocks.1.mix1")?.bytes.byteOffset ?? 0) + 40,
    );
  });

  test("is the same under other names, and as safetensors", () => {
    const { config, values } = load(files.bare);
    for (const prefix of ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."]) {
      const again = load(safetensors([...bareTensors()].map(([name, view]) => [prefix + name, view])));
      expect(again.config).toEqual(config);
      for (const parameter of parameterTable(config)) expect(again.values(parameter)).toEqual(values(parameter));
    }
  });
});

describe("a checkpoint is refused", () => {
  const changed = (change: (tensors: Map<string, TensorView>) => void) => () => {
    const tensors = bareTensors();
    change(tensors);
    const { config, values } = load(safetensors(tensors));
    for (const parameter of parameterTable(config)) values(parameter);
  };
  const small = tensor({ key: "0", count: 4 }, [2, 2], [2, 1]);

  test.each<[string, () => unknown, RegExp]>([
    ["without its embedding", changed((all) => all.delete("embed.weight")), /embed\.weight is missing.*FlashLM v5/],
    [
      "with a tensor too few",
      changed((all) => all.delete("blocks.1.rec.gn.bias")),
      /blocks\.1\.rec\.gn\.bias is missing/,
    ],
    [
      "with a tensor too many",
      changed((all) => all.set("blocks.1.extra", floatTensor([1], Float32Array.of(1)))),
      /blocks\.1\.extra belongs to no/,
    ],
    [
      "with another shape",
      changed((all) => all.set("ln_out.bias", floatTensor([9], new Float32Array(9)))),
      /ln_out\.bias has shape \[9\].*\[10\]/,
    ],
    [
      "with more blocks than any model",
      changed((all) => all.set("blocks.99999999.mix1", floatTensor([1], Float32Array.of(1)))),
      /nLayers is 100000000/,
    ],
    [
      "with NaN",
      changed((all) => all.set("ln_out.bias", floatTensor([10], new Float32Array(10).fill(Number.NaN)))),
      /ln_out\.bias holds NaN/,
    ],
    [
      "with another head than the embedding",
      changed((all) => all.set("head.weight", floatTensor([260, 10], new Float32Array(2600)))),
      /head\.weight is not embed\.weight/,
    ],
    [
      "with a tensor under two names",
      changed((all) => all.set("module.ln_out.bias", floatTensor([10], new Float32Array(10)))),
      /ln_out\.bias is there twice/,
    ],
    ["that is no dict", () => readCheckpoint(torchFile(["N"])), /it holds null/],
    ["with no weights", () => readCheckpoint(torchFile(["}", text("step"), "K\x07s"])), /step is 7/],
    [
      "whose tensors share storage, beyond the size of the file",
      () => {
        const many = Array.from({ length: 99 }, (_, i) => bytes(text(`w${i}`), small, "s"));
        const file = torchFile(["}", ...many], [new Uint8Array(16)]);
        const sharing = Array.from({ length: 99 }, (_, i) =>
          bytes(text(`w${i}`), i ? "h\x01s" : bytes(small, "q\x01s")),
        );
        expect(readCheckpoint(file).tensors.size).toBe(99);
        return readCheckpoint(torchFile(["}", ...sharing], [new Uint8Array(16)]));
      },
      /tensors of 1584 bytes in a file of \d+: they share storage/,
    ],
    [
      "of the form before PyTorch 1.6",
      () => readCheckpoint(bytes(0x80, 2, 0x8a, 0x0a, "l")),
      /before PyTorch 1\.6.*torch\.load/,
    ],
    ["that is a text", () => readCheckpoint(bytes("Once upon a time there was a dog")), /neither/],
    ["that is empty", () => readCheckpoint(bytes()), /neither/],
  ])("%s", (_, read, culprit) => {
    expect(read).toThrow(ThunderboltError);
    expect(read).toThrow(culprit);
  });
});

describe("a damaged checkpoint either loads or is refused by name", () => {
  test.each(Object.entries(files))("%s.pt, 500 mutations", (_, file) => {
    let loaded = 0;
    for (let seed = 0; seed < 500; seed++) {
      try {
        const mutated = mutate(file, uniforms(seed), true);
        const { config, values } = load(mutated);
        let numbers = 0;
        for (const parameter of parameterTable(config)) numbers += values(parameter).length;
        // as float32, weights in 16 bits take twice what they did
        expect(4 * numbers).toBeLessThanOrEqual(2 * mutated.length);
        loaded++;
      } catch (error) {
        if (!(error instanceof ThunderboltError)) throw error;
      }
    }
    expect(loaded).toBeGreaterThan(0);
    expect(loaded).toBeLessThan(500);
  });
});

describe("an exported state_dict", () => {
  const values = randomValues(oddConfig);
  const file = bytes(...writeStateDict(oddConfig, values));

  test("has the original names, the head among them, and nothing that PyTorch would not load", () => {
    const { tensors, metadata } = readSafetensors(file);
    expect(metadata.format).toBe("pt");
    expect([...tensors.keys()]).toEqual([...parameterTable(oddConfig).map(({ name }) => name), "head.weight"]);
    expect(tensors.get("head.weight")).toEqual(tensors.get("embed.weight"));
  });

  test("comes back as the same model, heads and head norm too", () => {
    const back = load(file);
    expect(back.config).toEqual(oddConfig);
    for (const parameter of parameterTable(oddConfig)) expect(back.values(parameter)).toEqual(values(parameter));
    expect(load(file, { headNorm: "window" }).config).toEqual({ ...oddConfig, headNorm: "window" });
  });
});
