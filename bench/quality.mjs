/**
 * What int8 costs in quality: the same preset, data and seeds with both kinds of activations.
 *
 *   node bench/quality.mjs TEXT HELD_OUT --out DIR [--activations int8] [--seeds 0,1,2] [--steps 750] [--preset small]
 *
 * Each run leaves DIR/<activations>-<seed>.json with its score on the whole held-out text and the curve on the way
 * there, on the first stories of it; runs that are there already are not repeated. `bench/quality-report.mjs DIR` draws
 * them.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadModel, train } from "../dist/index.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string" },
    activations: { type: "string", default: "float32,int8" },
    seeds: { type: "string", default: "0,1,2" },
    steps: { type: "string", default: "750" },
    preset: { type: "string", default: "small" },
  },
});
const [data, val] = positionals;
const { out, preset } = values;
if (!data || !val || !out) throw new Error("usage: node bench/quality.mjs TEXT HELD_OUT --out DIR");
const steps = Number(values.steps);
const POINTS = 10;
const SAMPLE = 200_000;

mkdirSync(out, { recursive: true });
const sample = firstStories(readFileSync(val, "utf8"), SAMPLE);
for (const seed of values.seeds.split(",").map(Number)) {
  for (const activations of values.activations.split(",")) {
    const name = join(out, `${activations}-${seed}`);
    if (existsSync(`${name}.json`)) continue;
    const saved = [];
    const result = await train({
      data,
      val,
      preset,
      seed,
      steps,
      config: { activations },
      out: name,
      overwrite: true,
      saveEvery: steps / POINTS,
      onProgress(event) {
        if (event.kind !== "saved") return;
        const copy = join(name, `model-${event.step}.safetensors`);
        copyFileSync(join(name, "model.safetensors"), copy);
        saved.push({ step: event.step, copy });
      },
    });
    const curve = [];
    for (const { step, copy } of saved) {
      const model = await loadModel(copy);
      const { bitsPerByte } = await model.evaluate(sample);
      curve.push({ tokens: (result.tokens / result.steps) * step, bitsPerByte });
      model.dispose();
      rmSync(copy);
    }
    const { tokens, trainLoss, valBitsPerByte, valNatsPerToken, sha256 } = result;
    const record = {
      preset,
      activations,
      seed,
      steps,
      tokens,
      trainLoss,
      valBitsPerByte,
      valNatsPerToken,
      sha256,
      curve,
    };
    writeFileSync(`${name}.json`, `${JSON.stringify(record)}\n`);
    console.log(JSON.stringify(record));
  }
}

/** The first whole stories of a text, about `bytes` of them. */
function firstStories(text, bytes) {
  const end = text.indexOf("<|endoftext|>", bytes);
  return end < 0 ? text : text.slice(0, end);
}
