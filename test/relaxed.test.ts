import { describe, expect, test } from "vitest";
import { OptionError, RuntimeError } from "../src/engine/errors.ts";
import { createMemory, instantiateKernels } from "../src/engine/instance.ts";
import { compileKernels, whyNotRelaxed } from "../src/engine/module.ts";
import { type RelaxedHost, relaxedObstacle, type Sums, sumsAreExact, sumsOf } from "../src/engine/relaxed.ts";
import { revectorize } from "../src/run/revectorize.ts";

const major = Number.parseInt(process.versions.v8, 10);

/** The sums of the self-test in JavaScript, made of pairs of products as an engine makes them of dy + 64. */
function sumsOfPairs(pair: (a: number, b: number) => number, tokens = 19): Sums {
  return (dyq, xq) =>
    Array.from({ length: 15 }, (_, i) => {
      const [dy, x] = [dyq.subarray(Math.floor(i / 5) * 32), xq.subarray((i % 5) * 32)];
      let sum = 0;
      for (let t = 0; t < tokens; t += 2) {
        const second = t + 1 < tokens ? t + 1 : 31;
        const [x0, x1] = [x[t], second === 31 ? 0 : x[second]];
        sum += pair((dy[t] + 64) * x0, (dy[second] + 64) * x1) - 64 * (x0 + x1);
      }
      return sum;
    });
}

const clamp = (value: number, most: number) => Math.max(-most - 1, Math.min(most, value));

describe("the self-test of sums", () => {
  test("passes exact ones", () => {
    expect(sumsAreExact(sumsOfPairs((a, b) => a + b))).toBe(true);
    const memory = createMemory("simd", 1);
    expect(sumsAreExact(sumsOf(instantiateKernels(compileKernels("simd"), memory), memory))).toBe(true);
  });

  test.each<[string, Sums]>([
    ["a pair saturates one step early", sumsOfPairs((a, b) => clamp(a + b, 32257))],
    ["only negative pairs saturate early", sumsOfPairs((a, b) => Math.max(a + b, -32257))],
    ["a product saturates at 14 bits", sumsOfPairs((a, b) => clamp(a, 8191) + clamp(b, 8191))],
    ["a pair forgets its second product", sumsOfPairs((a) => a)],
    ["a token is missing", sumsOfPairs((a, b) => a + b, 18)],
    ["a token too many is counted", sumsOfPairs((a, b) => a + b, 25)],
    ["all are one too large", (dyq, xq) => Array.from(sumsOfPairs((a, b) => a + b)(dyq, xq), (sum) => sum + 1)],
    ["they are not numbers", () => Array.from({ length: 15 }, () => Number.NaN)],
    ["there are none", () => []],
  ])("sees that %s", (_, sums) => {
    expect(sumsAreExact(sums)).toBe(false);
  });
});

describe("a host", () => {
  const exact = sumsOfPairs((a, b) => a + b);
  const good: RelaxedHost = {
    v8: "13.6.233",
    sharedMemory: true,
    validates: () => true,
    instantiate: () => exact,
  };

  test("has relaxed SIMD if it takes the module and its sums are right, V8 or not", () => {
    expect(relaxedObstacle(good)).toBeUndefined();
    expect(relaxedObstacle({ ...good, v8: undefined })).toBeUndefined();
  });

  test.each<[string, Partial<RelaxedHost>]>([
    ["no shared memory", { sharedMemory: false }],
    ["V8 11.3.244 is too old", { v8: "11.3.244" }],
    ["no relaxed SIMD", { validates: () => false }],
    ["wrong sums", { instantiate: () => () => [] }],
    [
      "fails (out of memory)",
      {
        instantiate: () => {
          throw new Error("out of memory");
        },
      },
    ],
  ])("has not where there is this: %s", (reason, change) => {
    expect(relaxedObstacle({ ...good, ...change })).toContain(reason);
  });

  test("with an old V8 is not even asked to take the module", () => {
    const asked = () => {
      throw new Error("asked");
    };
    expect(relaxedObstacle({ ...good, v8: "11.8", validates: asked, instantiate: asked })).toContain("too old");
  });
});

describe("the kernels", () => {
  test.each(["simd", "single"])("%s are had by their name", (name) => {
    expect(compileKernels(name).set).toBe(name);
  });

  test("of another name are unknown", () => {
    expect(() => compileKernels("avx")).toThrow(OptionError);
    expect(() => compileKernels("toString")).toThrow('unknown kernels "toString"; known: simd, relaxed, single');
  });

  test("relaxed are the best where they can run, and refused with a reason elsewhere", () => {
    const obstacle = whyNotRelaxed();
    if (major < 12) expect(obstacle).toContain("too old");
    expect(compileKernels().set).toBe(obstacle === undefined ? "relaxed" : "simd");
    if (obstacle === undefined) {
      expect(compileKernels("relaxed").set).toBe("relaxed");
    } else {
      expect(() => compileKernels("relaxed")).toThrow(RuntimeError);
      expect(() => compileKernels("relaxed")).toThrow(/^kernels relaxed cannot run here: .*; kernels simd .*Node 22/);
    }
  });
});

describe("the revectoriser", () => {
  const versions = { node: "24.1.0", v8: "13.6.233" };

  test.each([
    ["Bun", { versions: { ...versions, bun: "1.4.5" }, arch: "x64" }],
    ["--v8-flags=--experimental-wasm-revectorize", { versions: { ...versions, deno: "2.9.6" }, arch: "x64" }],
    ["Node 20.20.2", { versions: { node: "20.20.2", v8: "11.3.244" }, arch: "x64" }],
    ["arm64", { versions, arch: "arm64" }],
  ])("is left alone where V8 does not have it: %s", (reason, host) => {
    expect(revectorize(host)).toContain(reason);
  });
});
