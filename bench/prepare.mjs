/**
 * How fast does `prepare` turn a text into tokens, and how much memory does it hold? Repeats a text until it has so
 * many megabytes, learns a vocabulary from it once, and prepares it with several numbers of threads; and beside them as
 * many processes of one thread at once, which is the most that the machine gives.
 *
 *   node bench/prepare.mjs stories.txt [--megabytes 200] [--workers 1,2] [--rounds 3]
 */
import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { prepare } from "../dist/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    megabytes: { type: "string", default: "200" },
    workers: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "3" },
    // how this program calls itself, so that each run has a process of its own
    one: { type: "string" },
  },
});

if (values.one === undefined) await measure(positionals[0]);
else await prepareOnce(JSON.parse(values.one));

async function prepareOnce(options) {
  const before = process.cpuUsage();
  const started = performance.now();
  await prepare({ ...options, overwrite: true });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  console.log(
    JSON.stringify({ seconds, cpu: (user + system) / 1e6, mebibytes: process.resourceUsage().maxRSS / 1024 }),
  );
}

async function measure(file) {
  const folder = mkdtempSync(join(tmpdir(), "thunderbolt-prepare-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const text = join(folder, "text.txt");
  const piece = readFileSync(file);
  let megabytes = 0;
  for (; megabytes < Number(values.megabytes); megabytes += piece.length / 1e6) appendFileSync(text, piece);
  const learnt = join(folder, "learnt");
  await prepare({ texts: [file], out: learnt });
  const tokenizer = join(learnt, "tokenizer.json");

  const run = async (workers, name) => {
    const options = JSON.stringify({ texts: [text], out: join(folder, name), tokenizer, workers });
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), "--one", options]);
    return JSON.parse(stdout);
  };
  const ways = values.workers.split(",").map(Number);
  const most = Math.max(...ways);
  const results = new Map();
  const note = (name, runs) => results.set(name, [...(results.get(name) ?? []), runs]);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const workers of ways) note(`${workers} threads`, [await run(workers, "out")]);
    if (most > 1) {
      const together = Array.from({ length: most }, (_, i) => run(1, `out-${i}`));
      note(`${most} processes of one thread, together`, await Promise.all(together));
    }
  }
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1].toFixed(1);
  console.log(`${megabytes.toFixed(0)} MB\n| | MB/s | CPU seconds | MiB at most, a process |\n|---|---|---|---|`);
  for (const [name, rounds] of results) {
    const speeds = rounds.map((runs) => (megabytes * runs.length) / Math.max(...runs.map(({ seconds }) => seconds)));
    const cpu = rounds.map((runs) => runs.reduce((sum, one) => sum + one.cpu, 0) / runs.length);
    const memory = Math.max(...rounds.flat().map(({ mebibytes }) => mebibytes));
    console.log(`| ${name} | ${median(speeds)} | ${median(cpu)} | ${memory.toFixed(0)} |`);
  }
}
