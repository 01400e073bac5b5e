import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { createMemory, instantiateKernels } from "../src/engine/instance.ts";
import { adoptKernels } from "../src/engine/module.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const node = (program: string, args: string[], input = "") =>
  execFileSync(process.execPath, [join(root, "wasm-build", program), ...args], { input, encoding: "utf8" });
let stack = "";

beforeAll(() => {
  node("build.mjs", ["--debug"]);
  // as the option `wasm` of loadModel does
  const kernels = adoptKernels(readFileSync(join(root, "wasm-build", "debug.wasm")));
  const memory = createMemory(kernels.set, 1);
  try {
    // rows that begin where the memory ends
    instantiateKernels(kernels, memory).denseForward(0, 8, memory.buffer.byteLength, 8, 1, 0, 8, 8, 8, false, 0);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) stack = error.stack ?? "";
  }
});

test("a trap in the debug module names the functions of assembly/ that it came from", () => {
  expect(stack).toMatch(
    /out of bounds\n +at assembly\/dense\/panels\/packRows .*\n +at assembly\/dense\/product\/denseForward /,
  );
});

test("where.mjs gives the lines, from the source map", () => {
  const [, file = "", line = ""] = /packRows \((\S+):(\d+):\d+\)/.exec(node("where.mjs", [], stack)) ?? [];
  expect(file).toBe("assembly/dense/panels.ts");
  expect(readFileSync(join(root, file), "utf8").split("\n")[Number(line) - 1]).toContain("load");
});
