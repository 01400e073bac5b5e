import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { moduleBytes } from "../../src/engine/module-bytes.ts";

const targets = ["simd", "relaxed", "single"] as const;
const texts = Object.fromEntries(
  targets.map((target) => [target, readFileSync(new URL(`../../wasm-build/${target}.wat`, import.meta.url), "utf8")]),
);

// workers share one memory: data, a stack pointer or a heap would be shared too, unguarded
describe.each(targets)("the module %s", (target) => {
  const text = texts[target];
  const lines = (pattern: RegExp): string[] => text.match(pattern) ?? [];

  test("is what comes with the code, to the byte", () => {
    const built = readFileSync(new URL(`../../wasm-build/${target}.wasm`, import.meta.url));
    expect(Buffer.compare(moduleBytes(target), built)).toBe(0);
  });

  test("has functions to judge", () => {
    expect(lines(/\(func \$/g).length).toBeGreaterThan(20);
  });

  test("brings no data of its own", () => {
    expect(lines(/\((data|elem|start|table)\b.*/g)).toEqual([]);
  });

  test("keeps nothing between calls", () => {
    expect(lines(/\(global\b.*\(mut\b.*/g)).toEqual([]);
  });

  test("imports the memory and nothing else", () => {
    expect(lines(/\(import\b.*/g)).toEqual([expect.stringContaining('"env" "memory"')]);
    expect(/\(import "env" "memory" \(memory .*\bshared\)\)/.test(text)).toBe(target !== "single");
  });

  test("uses no relaxed instruction whose result is the host's choice", () => {
    // these have one result only: the first if its second operand is within 7 bits, the other for indices within 0..15
    const exact = target === "relaxed" ? ["i16x8.relaxed_dot_i8x16_i7x16_s", "i8x16.relaxed_swizzle"] : [];
    expect([...new Set(lines(/\w+\.relaxed_\w+/g))].sort()).toEqual(exact);
  });

  test("ships no naive sibling", () => {
    expect(lines(/naive\w*/g)).toEqual([]);
  });
});
