/**
 * Does memory grow? Trains `tiny` for many steps, then loads, runs and disposes of the model many times, and compares
 * the resident memory at the end with that after the first tenth:
 *
 *   node bench/soak.mjs [--steps 2000] [--cycles 200]
 *
 * Prints one JSON object and exits 1 if either grew by more than 5 % and 16 MiB.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadModel, train } from "../dist/index.js";

const { values } = parseArgs({
  options: { steps: { type: "string", default: "2000" }, cycles: { type: "string", default: "200" } },
});
const [steps, cycles] = [Number(values.steps), Number(values.cycles)];
const data = fileURLToPath(new URL("../data/tinystories.txt", import.meta.url));
const val = fileURLToPath(new URL("../data/tinystories-held-out.txt", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "thunderbolt-soak-"));
const out = join(folder, "run");

/** MiB that the process holds; the largest of a stretch, since what is freed is given back late. */
class Watch {
  #early = 0;
  #late = 0;
  constructor(total) {
    this.total = total;
  }
  see(done) {
    const mebibytes = process.memoryUsage.rss() / 2 ** 20;
    if (done <= this.total / 10) this.#early = Math.max(this.#early, mebibytes);
    else if (done > (this.total * 9) / 10) this.#late = Math.max(this.#late, mebibytes);
  }
  get result() {
    const [afterTenth, atEnd] = [Math.round(this.#early), Math.round(this.#late)];
    return { afterTenth, atEnd, grew: atEnd > afterTenth * 1.05 && atEnd > afterTenth + 16 };
  }
}

const training = new Watch(steps);
await train({
  data,
  val,
  out,
  preset: "tiny",
  steps,
  onProgress: (event) => event.kind === "step" && training.see(event.step),
});
const loading = new Watch(cycles);
for (let cycle = 1; cycle <= cycles; cycle++) {
  const model = await loadModel(out, { workers: 2 });
  for await (const _ of model.generate("Once upon a time", { maxTokens: 20 }));
  for await (const _ of model.generateTexts(["Once"], { count: 2, maxTokens: 5 }));
  model.dispose();
  loading.see(cycle);
}
rmSync(folder, { recursive: true });
const result = { unit: "MiB", training: training.result, loading: loading.result };
console.log(JSON.stringify(result));
process.exitCode = training.result.grew || loading.result.grew ? 1 : 0;
