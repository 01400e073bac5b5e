// Checks the integer kernels against their naive siblings in every module and runtime: node test/runtimes/kernels.mjs
// Installs the runtimes (runtimes.mjs); needs built modules (npm run build:wasm).
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { installRuntimes } from "./runtimes.mjs";

const { folder, runtimes } = installRuntimes();
const program = join(folder, "kernels.mjs");
await build({
  entryPoints: [fileURLToPath(new URL("kernels-program.ts", import.meta.url))],
  outfile: program,
  bundle: true,
  format: "esm",
  platform: "node",
  // from where the harness finds the modules
  define: { "import.meta.url": JSON.stringify(new URL("../kernels/harness.ts", import.meta.url).href) },
});

// V8 has two compilers for WebAssembly, and the second one takes over when it sees fit: each by itself, too
const tiers = { "": [], ", baseline": ["--liftoff-only"], ", optimised": ["--no-liftoff"] };
const revectorised = { ", revectorised": ["--no-liftoff", "--experimental-wasm-revectorize"] };
const variants = Object.entries(runtimes).flatMap(([name, [command, ...before]]) => {
  if (!name.startsWith("Node")) return [[name, [command, ...before]]];
  const all = name.startsWith("Node 20") ? tiers : { ...tiers, ...revectorised };
  return Object.entries(all).map(([variant, options]) => [name + variant, [command, ...options, ...before]]);
});

let different = 0;
for (const [name, [command, ...before]] of variants) {
  const { status, stdout, stderr } = spawnSync(command, [...before, program], { encoding: "utf8" });
  const lines = stdout.trim().split("\n");
  for (const line of lines) {
    const [verdict, set, detail] = line.split("\t");
    if (verdict !== "same" && verdict !== "not here") different++;
    console.log(`${verdict}  ${name}  ${set}  ${detail}`);
  }
  if (status !== 0 || lines.length !== 3) {
    different++;
    console.log(`FAILED  ${name}  ${stderr.trim()}`);
  }
}
console.log(different === 0 ? "all the same" : `${different} differ`);
process.exitCode = different === 0 ? 0 : 1;
