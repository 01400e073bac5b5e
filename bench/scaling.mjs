/**
 * How well do workers share a step? Trains with one worker per core, and beside it with as many processes of one worker
 * each, which share nothing but the machine; what those reach together is the most that the machine gives.
 *
 *   node bench/scaling.mjs [--presets v5,small] [--workers 2] [--rounds 3]
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const { values } = parseArgs({
  options: {
    presets: { type: "string", default: "v5,small" },
    workers: { type: "string", default: String(availableParallelism()) },
    rounds: { type: "string", default: "3" },
    activations: { type: "string", default: "int8" },
  },
});
const workers = Number(values.workers);
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "thunderbolt-scaling-"));
const config = join(folder, "config.json");
const run = promisify(execFile);
writeFileSync(config, JSON.stringify({ activations: values.activations }));

/** Of one micro-batch each: ten to twenty seconds on one core. */
const STEPS = { tiny: 150, small: 24, v5: 5 };
// one story to score: that is not what is timed
const val = join(folder, "val.txt");
writeFileSync(val, readFileSync(join(root, "data/tinystories-held-out.txt"), "utf8").split("<|endoftext|>")[0]);

/** Tokens a second of a run, from its median step. */
async function speed(preset, threads, name) {
  const out = join(folder, name);
  const length = ["--steps", String(STEPS[preset]), "--accumulate", "1", "--workers", String(threads)];
  const data = ["data/tinystories.txt", "--val", val];
  await run(
    process.execPath,
    ["dist/cli.js", "train", ...data, "--preset", preset, "--config", config, ...length, "--out", out, "--overwrite"],
    { cwd: root },
  );
  const lines = readFileSync(join(out, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  const steps = lines.map((line) => JSON.parse(line)).filter(({ step }) => step);
  const took = steps
    .slice(1)
    .map(({ seconds, tokens }, i) => (tokens - steps[i].tokens) / (seconds - steps[i].seconds));
  return median(took);
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const table = [];
for (const preset of values.presets.split(",")) {
  const [together, apart] = [[], []];
  for (let round = 0; round < Number(values.rounds); round++) {
    together.push(await speed(preset, workers, "together"));
    const alone = Array.from({ length: workers }, (_, i) => speed(preset, 1, `alone-${i}`));
    apart.push((await Promise.all(alone)).reduce((a, b) => a + b));
  }
  const ratios = together.map((one, i) => one / apart[i]);
  table.push({ preset, workers, together: median(together), apart: median(apart), ratio: median(ratios) });
  console.log(JSON.stringify(table.at(-1)));
}
rmSync(folder, { recursive: true });
