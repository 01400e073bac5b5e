// Compiles assembly/ for every target of asconfig.json and writes, beside itself,
//   <module>.wasm, .wat, .d.ts   a module, its text and the types of its exports
//   kernels.ts                   the types of the exports of the modules that ship, as an interface
//   embedded.ts                  the module `simd` as base64, so that no host has to find a file, and what makes the others of it
//   layout.ts                    the field names of the records in assembly/model/layout.ts
//
// With --debug it makes only debug.wasm, with names and no optimisation, and its source map; where.mjs reads both.
import { readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { editsBetween } from "./edits.mjs";

const root = new URL("..", import.meta.url);
const shipped = ["simd", "relaxed", "single"];
/** By name: the entry, and the target that it is compiled for. */
const modules = {
  simd: ["assembly/index.ts", "simd"],
  relaxed: ["assembly/index.ts", "relaxed"],
  single: ["assembly/index.ts", "single"],
  test: ["assembly/test.ts", "single"],
  testSimd: ["assembly/test.ts", "simd"],
  testRelaxed: ["assembly/test.ts", "relaxed"],
};

process.chdir(fileURLToPath(root));

if (process.argv.includes("--debug")) {
  await compile("assembly/index.ts", "debug", "wasm-build/debug");
  process.exit();
}

for (const [name, [entry, target]] of Object.entries(modules)) {
  const out = `wasm-build/${name}`;
  await compile(entry, target, out, "--textFile", `${out}.wat`, "--bindings", "raw");
  await rm(`${out}.js`); // the bindings' loader; the engine instantiates by itself and wants only the types
}

const [simd, relaxed, single] = await Promise.all(shipped.map((name) => readFile(`wasm-build/${name}.wasm`)));
// the host carries one module: `single` differs from it in the flags of its memory alone, `relaxed` here and there
const memoryFlags = simd.findIndex((byte, at) => byte !== single[at]);
if (!single.equals(simd.with(memoryFlags, single[memoryFlags]))) throw new Error("single is more than simd unshared");
await writeFile(
  "wasm-build/embedded.ts",
  `export const simd = "${simd.toString("base64")}";

export const memoryFlags = ${memoryFlags};

export const relaxedEdits: [from: number, to: number, added: string][] = ${JSON.stringify(editsBetween(simd, relaxed))};
`,
);

const [, exports] = /declare namespace __AdaptedExports \{\n(.*?)\n\}/s.exec(
  await readFile("wasm-build/simd.d.ts", "utf8"),
);
await writeFile(
  "wasm-build/kernels.ts",
  `export interface Kernels {\n${exports.replaceAll(/export (function|const) /g, "")}\n}\n`,
);

const layout = await readFile("assembly/model/layout.ts", "utf8");
const records = [...layout.matchAll(/export class (\w+) \{([^}]*)\}/g)].map(([, name, body]) => {
  const fields = [...body.matchAll(/^\s*(\w+): (\w+);/gm)].map(([, field, type]) => `["${field}", "${type}"]`);
  return `export const ${name} = [\n  ${fields.join(",\n  ")},\n] as const;\n`;
});
await writeFile("wasm-build/layout.ts", records.join("\n"));

async function compile(entry, target, out, ...more) {
  const { error, stderr } = await asc.main([entry, "--target", target, "--outFile", `${out}.wasm`, ...more]);
  if (!error) return;
  console.error(stderr.toString());
  process.exit(1);
}
