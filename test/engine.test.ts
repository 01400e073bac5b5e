import { describe, expect, test } from "vitest";
import { deriveConfig, parseConfig, presets } from "../src/engine/config.ts";
import { ConfigError, MemoryError, OptionError } from "../src/engine/errors.ts";
import { createMemory, instantiateKernels } from "../src/engine/instance.ts";
import { compileKernels } from "../src/engine/module.ts";
import { countParameters } from "../src/engine/parameters.ts";
import { shown } from "../src/engine/shown.ts";
import { planTraining } from "../src/train/plan.ts";

test("a value from outside is shown on one short line, whatever it is", () => {
  const deep: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  const values = [undefined, Number.NaN, "a\nb", { a: [1] }, "x".repeat(100), deep, { deep }, 1n];
  expect(values.map(shown)).toEqual([
    "missing",
    "NaN",
    '"a\\nb"',
    '{"a":[1]}',
    `"${"x".repeat(76)}...`,
    "a list",
    "a value of type object",
    "a value of type bigint",
  ]);
  expect(() => parseConfig({ ...presets.tiny, nLayers: deep })).toThrow(/^nLayers is a list; /);
});

describe("presets", () => {
  test("v5 has the parameters of the release", () => {
    expect(countParameters(presets.v5)).toEqual({
      total: 29_750_784,
      ternary: 26_542_080,
      embedding: 3_145_728,
      vector: 62_976,
    });
  });

  test("small has about four million", () => {
    expect(countParameters(presets.small).total / 1e6).toBeCloseTo(4, 0);
  });
});

describe("a configuration", () => {
  test.each(Object.keys(presets))("%s passes its own check", (name) => {
    const config = presets[name as keyof typeof presets];
    expect(parseConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  test.each([
    [{ dModel: Number.NaN }, "dModel is NaN"],
    [{ dModel: null }, "dModel is null"],
    [{ dModel: "384" }, 'dModel is "384"'],
    [{ nLayers: 0 }, "nLayers is 0"],
    [{ dFfn: 1.5 }, "dFfn is 1.5"],
    [{ vocabSize: 65_537 }, "from 1 to 65536"],
    [{ vocabSize: undefined }, "vocabSize is missing"],
    [{ headNorm: "batch" }, '"token" or "window"'],
    [{ width: 3 }, 'unknown field "width"'],
  ])("with %o is refused", (change, message) => {
    expect(() => parseConfig({ ...presets.tiny, ...change })).toThrow(ConfigError);
    expect(() => parseConfig({ ...presets.tiny, ...change })).toThrow(message);
  });

  test("divides dModel among the heads, or says that it cannot", () => {
    expect(deriveConfig(presets.tiny, { dModel: 96 }).dHead).toBe(24);
    expect(deriveConfig(presets.tiny, { dModel: 96, dHead: 7 }).dHead).toBe(7);
    expect(() => deriveConfig(presets.tiny, { dModel: 97 })).toThrow("dModel 97 cannot be divided among 4 heads");
  });
});

describe("the module", () => {
  test("is compiled once, and only under its names", () => {
    expect(compileKernels("simd")).toBe(compileKernels("simd"));
    expect(() => compileKernels("avx")).toThrow(OptionError);
  });

  test("has a memory that threads share, or with `single` one that they do not", () => {
    expect(createMemory("simd", 1).buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(createMemory("single", 1).buffer).toBeInstanceOf(ArrayBuffer);
  });
});

describe("the training plan", () => {
  const compiled = compileKernels();
  const kernels = instantiateKernels(compiled, createMemory(compiled.set, 1));

  test("refuses what does not fit into 4 GiB, before it allocates", () => {
    expect(() => planTraining(kernels, { config: presets.v5, batch: 200, workers: 1 })).toThrow(MemoryError);
    expect(() => planTraining(kernels, { config: presets.v5, batch: 200, workers: 1 })).toThrow(
      /training with batch 200 x 256 on 1 workers needs \d/,
    );
  });

  test.each([
    [{ batch: 200 }, "the largest batch that fits is", "batch"],
    [{ workers: 200 }, "with batch 1 the most workers that fit are", "workers"],
    [{ seqLen: 60_000 }, "the longest sequence that fits is", "seqLen"],
  ] as const)("says what would fit instead of %o, and that does", (asked, message, name) => {
    const plan = ({ batch = 8, workers = 1, seqLen = 256 }: { batch?: number; workers?: number; seqLen?: number }) =>
      planTraining(kernels, { config: { ...presets.v5, seqLen }, batch, workers });
    const refusal = (shape: Parameters<typeof plan>[0]): string => {
      try {
        plan(shape);
        return "";
      } catch (error) {
        return (error as MemoryError).message;
      }
    };
    expect(refusal(asked)).toContain(message);
    const largest = Number(new RegExp(`${message} (\\d+)`).exec(refusal(asked))?.[1]);
    const others = name === "batch" ? {} : { batch: 1 };
    expect(refusal({ ...others, [name]: largest })).toBe("");
    expect(refusal({ ...others, [name]: largest + 1 })).not.toBe("");
  });

  test("is the same for every worker that computes it", () => {
    const shape = { config: presets.tiny, batch: 3, workers: 2 };
    expect(planTraining(kernels, shape)).toEqual(planTraining(kernels, shape));
  });

  test("keeps regions of different workers apart", () => {
    const { workspaces } = planTraining(kernels, { config: presets.tiny, batch: 2, workers: 3 });
    const starts = workspaces.map((workspace) => workspace.saved[0].residual);
    expect(new Set(starts.map((start) => start >> 6)).size).toBe(3);
  });
});
