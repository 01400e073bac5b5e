/**
 * How long from the import to the first token? Times fresh processes that import the package, load a model and generate
 * one token.
 *
 *   node bench/start-up.mjs [model] [--runs 20] [--runtime node]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "20" }, runtime: { type: "string", default: process.execPath } },
});
const shipped = fileURLToPath(new URL("../models/tinystories.thunderbolt", import.meta.url));
const model = resolve(positionals[0] ?? shipped);
const folder = mkdtempSync(join(tmpdir(), "thunderbolt-start-up-"));
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
console.log(`${rows.length} processes, milliseconds (median, best):`);
names.forEach((name, i) => {
  const sorted = rows.map((row) => row[i]).sort((a, b) => a - b);
  const [median, best] = [sorted[Math.floor(sorted.length / 2)], sorted[0]];
  console.log(`  ${name.padEnd(12)} ${median.toFixed(0).padStart(4)} ${best.toFixed(0).padStart(4)}`);
});
