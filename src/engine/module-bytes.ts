import { memoryFlags, relaxedEdits } from "../../wasm-build/embedded.ts";
import { decodeBase64 } from "./base64.ts";
import { embeddedModule } from "./embedded-module.ts";
import type { KernelSet } from "./instance.ts";

/** The bit of a memory's limits that says that threads share it (WebAssembly, threads: limits). */
const SHARED = 2;

/** The bytes of a module. `simd` comes with the code, and the others are made of it, as wasm-build/build.mjs found out. */
export function moduleBytes(set: KernelSet): Uint8Array<ArrayBuffer> {
  const bytes = embeddedModule();
  if (set === "relaxed") return edited(bytes, relaxedEdits);
  if (set === "single") bytes[memoryFlags] &= ~SHARED;
  return bytes;
}

/** Stretches of some bytes, [from, to), each followed by new ones in base64. */
function edited(bytes: Uint8Array, edits: readonly (readonly [number, number, string])[]): Uint8Array<ArrayBuffer> {
  const parts = edits.flatMap(([from, to, added]) => [bytes.subarray(from, to), decodeBase64(added)]);
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
