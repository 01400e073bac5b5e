// Trains, scores, generates and prepares the same in every runtime and asks for the same bits:
//   node test/runtimes/compare.mjs [int8] [float32]
// Installs the runtimes (runtimes.mjs); needs a built dist/ (npm run build).
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installRuntimes } from "./runtimes.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { folder, runtimes } = installRuntimes();
const configs = Object.fromEntries(
  ["float32", "int8"].map((activations) => {
    const file = join(folder, `${activations}.json`);
    writeFileSync(file, JSON.stringify({ activations }));
    return [activations, file];
  }),
);

const out = join(folder, "run");
const prepared = join(folder, "prepared");

/** The JSON of the command in a runtime. */
function thunderbolt([command, ...before], env, ...args) {
  const output = execFileSync(command, [...before, join(root, "dist/cli.js"), ...args, "--json"], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(output.toString());
}

/** What one runtime makes of the same run: hash, score and text. */
function resultOf(runtime, activations, { workers, ...env }) {
  const run = (...args) => thunderbolt(runtime, env, ...args);
  const data = ["data/tinystories.txt", "--val", "data/tinystories-held-out.txt"];
  const threads = ["--workers", String(workers)];
  const options = ["--steps", "30", "--batch", "3", ...threads, "--config", configs[activations], "--overwrite"];
  const { sha256 } = run("train", ...data, "--out", out, ...options);
  const { bitsPerByte } = run("eval", out, "--data", "data/tinystories-held-out.txt", ...threads);
  const { texts } = run("generate", out, "--count", "3", "--max-tokens", "40", "--seed", "7", ...threads);
  const told = texts.map(({ text }) => text);
  const tokenizer = ["--tokenizer", join(out, "tokenizer.json")];
  run("prepare", "data/tinystories.txt", "--out", prepared, ...tokenizer, "--overwrite", ...threads);
  const index = readFileSync(join(prepared, "index.json"), "utf8");
  return JSON.stringify({ sha256, optimizer: tensorsHash(join(out, "state.safetensors")), bitsPerByte, told, index });
}

/** The hash of a safetensors file's data: a state's header also says how long the run took. */
function tensorsHash(file) {
  const bytes = readFileSync(file);
  const data = bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
  return createHash("sha256").update(data).digest("hex");
}

/** Fewer than cores, as many, more than sequences in a batch. */
const WORKERS = [2, 3, 5, 8];

/** The ways to run it that a runtime has, beside `simd` with one worker; a run lies in its folder. */
function waysOf(name, runtime) {
  const relaxed = thunderbolt(runtime, {}, "info", out).relaxedSimd;
  const revectorizes = /^Node 2[24]/.test(name); // and Node 20 says that it does not
  return [
    ...WORKERS.map((workers) => ({ workers, THUNDERBOLT_KERNELS: "simd" })),
    { workers: 1, THUNDERBOLT_KERNELS: "single" },
    ...(relaxed ? [1, ...WORKERS].map((workers) => ({ workers, THUNDERBOLT_KERNELS: "relaxed" })) : []),
    ...(revectorizes ? [{ workers: 1, THUNDERBOLT_KERNELS: "simd", THUNDERBOLT_REVECTORIZE: "1" }] : []),
    ...(revectorizes ? [{ workers: 1, THUNDERBOLT_KERNELS: "relaxed", THUNDERBOLT_REVECTORIZE: "1" }] : []),
  ];
}

let different = 0;
const asked = process.argv.slice(2);
for (const activations of asked.length > 0 ? asked : ["int8", "float32"]) {
  let expected;
  for (const [name, runtime] of Object.entries(runtimes)) {
    const compare = (way) => {
      const result = resultOf(runtime, activations, way);
      expected ??= result;
      const same = result === expected;
      if (!same) different++;
      const { workers, THUNDERBOLT_KERNELS: kernels, THUNDERBOLT_REVECTORIZE: revectorized } = way;
      console.log(
        `${same ? "same" : "DIFFERENT"}  ${activations}  ${name}  ${kernels}${revectorized ? ", revectorised" : ""}, ${workers} workers  ${result.slice(11, 27)}`,
      );
    };
    compare({ workers: 1, THUNDERBOLT_KERNELS: "simd" });
    for (const way of waysOf(name, runtime)) compare(way);
  }
}
console.log(different === 0 ? "all the same" : `${different} differ`);
process.exitCode = different === 0 ? 0 : 1;
