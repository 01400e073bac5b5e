/**
 * How long from the import to the first token? Trains a small model for a few steps, packs it, and times fresh processes
 * that import the package, load the model and generate one token.
 *
 *   node bench/start-up.mjs [--preset small] [--runs 20] [--runtime node]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    preset: { type: "string", default: "small" },
    runs: { type: "string", default: "20" },
    runtime: { type: "string", default: process.execPath },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "thunderbolt-start-up-"));
const thunderbolt = (...args) =>
  execFileSync(process.execPath, ["dist/cli.js", ...args], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });

const run = join(folder, "run");
const model = join(folder, "model.thunderbolt");
const val = ["--val", "data/tinystories-held-out.txt"];
thunderbolt("train", "data/tinystories.txt", ...val, "--preset", values.preset, "--steps", "2", "--out", run);
thunderbolt("pack", run, "-o", model);

const program = join(folder, "program.mjs");
writeFileSync(
  program,
  `const started = performance.now();
const { loadModel } = await import(${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)});
const imported = performance.now();
const model = await loadModel(${JSON.stringify(model)});
const loaded = performance.now();
await model.generate("Once upon a time", { maxTokens: 1 }).next();
const token = performance.now();
console.log(JSON.stringify([imported - started, loaded - imported, token - loaded, token - started]));
`,
);
const rows = Array.from({ length: Number(values.runs) }, () =>
  JSON.parse(execFileSync(values.runtime, [program], { encoding: "utf8" })),
);
rmSync(folder, { recursive: true });

const names = ["import", "load", "first token", "all"];
console.log(`${values.preset}, ${rows.length} processes, milliseconds (median, best):`);
names.forEach((name, i) => {
  const sorted = rows.map((row) => row[i]).sort((a, b) => a - b);
  const [median, best] = [sorted[Math.floor(sorted.length / 2)], sorted[0]];
  console.log(`  ${name.padEnd(12)} ${median.toFixed(0).padStart(4)} ${best.toFixed(0).padStart(4)}`);
});
