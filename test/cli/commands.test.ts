import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { json, metrics, put, sha256, smallInputs, temporaryFolder, thunderbolt, works } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const run = join(folder, "run");
const trainKeys = [
  "steps",
  "tokens",
  "seconds",
  "tokensPerSecond",
  "trainLoss",
  "valBitsPerByte",
  "valNatsPerToken",
  "valPerplexity",
  "sha256",
];
let trained: Record<string, unknown>;

beforeAll(async () => {
  trained = await json([...inputs.train, "--val", inputs.heldOut, "--steps", "3", "--out", run]);
});

/** A run that differs from another one by these arguments, in a folder of its own; gives the hash of its model. */
async function hashOf(name: string, more: readonly string[], env: Record<string, string> = {}): Promise<unknown> {
  const out = join(folder, name);
  const result = await json([...inputs.train, "--val", inputs.heldOut, "--steps", "3", "--out", out, ...more], { env });
  return result.sha256;
}

describe("train", () => {
  test("prints its result, and the hash of the model that it wrote", () => {
    expect(Object.keys(trained)).toEqual(trainKeys);
    expect(trained).toMatchObject({ steps: 3, tokens: 3 * 4 * 16, sha256: sha256(join(run, "model.safetensors")) });
    for (const key of trainKeys.slice(0, -1)) expect(trained[key], key).toBeGreaterThan(0);
    // of 300 tokens, hardly trained
    expect(Math.abs(Number(trained.valNatsPerToken) - Math.log(300))).toBeLessThan(0.2);
  });

  test("fills the run folder, and leaves nothing temporary", () => {
    const files = ["model.safetensors", "state.safetensors", "tokenizer.json", "metrics.jsonl", "report.html"];
    for (const file of files) expect(existsSync(join(run, file)), file).toBe(true);
    expect(readdirSync(run).filter((name) => name.includes(".tmp"))).toEqual([]);
  });

  test("logs a line a step, and the result", () => {
    const lines = metrics(run);
    expect(lines.map(({ step }) => step)).toEqual([1, 2, 3, undefined]);
    expect(lines[3]).toEqual(trained);
    for (const line of lines.slice(0, 3)) {
      for (const key of ["tokens", "seconds", "loss", "lr", "gradientNorm", "tokensPerSecond"]) {
        expect(line[key], key).toBeGreaterThan(0);
      }
    }
  });

  test("gives the same bytes again", async () => {
    expect(await hashOf("again", [])).toBe(trained.sha256);
    expect(await hashOf("again", ["--overwrite"])).toBe(trained.sha256);
  });

  test("gives the same bytes on any number of workers and with the kernels for one thread", async () => {
    expect(await hashOf("workers-2", ["--workers", "2"])).toBe(trained.sha256);
    expect(await hashOf("workers-3", ["--workers", "3"])).toBe(trained.sha256);
    const single = { THUNDERBOLT_KERNELS: "single" };
    expect(await hashOf("single", [], single)).toBe(trained.sha256);
    expect(await hashOf("flag", ["--kernels", "simd"], single), "the flag wins").toBe(trained.sha256);
  });

  test("gives other bytes for another seed", async () => {
    expect(await hashOf("seed", ["--seed", "1"])).not.toBe(trained.sha256);
  });

  test("says on stdout where the model is, and how it goes on stderr", async () => {
    const out = join(folder, "plain");
    const { stdout, stderr } = await works([...inputs.train, "--steps", "2", "--out", out]);
    expect(stdout).toContain(`saved ${out}/model.safetensors, sha256 ${sha256(join(out, "model.safetensors"))}`);
    expect(stderr).toMatch(/parameters.*\nstep 1\/2 {2}loss \d/);
  });

  test("for some minutes fixes its steps and ends", async () => {
    const out = join(folder, "minutes");
    const result = await json([...inputs.train, "--minutes", "0.01", "--out", out]);
    expect(metrics(out)).toHaveLength(Number(result.steps) + 1);
    expect(result.seconds).toBeLessThan(5);
  });
});

describe("eval", () => {
  test("scores alike in windows and as a stream, to the last digit, and as train did", async () => {
    const evaluate = (...more: string[]) => json(["eval", run, "--data", inputs.heldOut, ...more]);
    const [window, stream] = [await evaluate("--mode", "window"), await evaluate("--mode", "stream")];
    const keys = ["bitsPerByte", "natsPerToken", "perplexity", "tokens", "bytes", "causal", "tokensPerSecond"];
    expect(Object.keys(window)).toEqual(keys);
    const { tokensPerSecond: _, ...score } = window;
    expect(stream).toMatchObject(score);
    expect(window).toMatchObject({ causal: true, bitsPerByte: trained.valBitsPerByte });
  });

  test("takes the model's file as well as its folder", async () => {
    const { bitsPerByte } = await json(["eval", join(run, "model.safetensors"), "--data", inputs.heldOut]);
    expect(bitsPerByte).toBe(trained.valBitsPerByte);
  });
});

describe("generate", () => {
  const generate = (...more: string[]) => ["generate", run, "--prompt", "Once", "--max-tokens", "40", ...more];

  test("prints its result", async () => {
    const result = await json(generate("--seed", "3"));
    expect(Object.keys(result)).toEqual(["text", "tokens", "tokensPerSecond", "finishReason", "seed"]);
    expect(result).toMatchObject({ seed: 3, text: expect.any(String) });
    expect(["eos", "length"]).toContain(result.finishReason);
  });

  test("gives the same text for the same seed, and prints the prompt before it", async () => {
    const [first, second, other] = await Promise.all(["5", "5", "6"].map((seed) => works(generate("--seed", seed))));
    const { text } = await json(generate("--seed", "5"));
    expect(first.stdout).toBe(`Once${text}\n`);
    expect(second.stdout).toBe(first.stdout);
    expect(other.stdout).not.toBe(first.stdout);
  });

  test("gives as many texts as asked for, from consecutive seeds", async () => {
    const { texts } = await json(generate("--count", "3", "--seed", "7"));
    const one = await json(generate("--seed", "9"));
    expect(texts).toHaveLength(3);
    expect(texts).toMatchObject([{ seed: 7 }, { seed: 8 }, { seed: 9, text: one.text }]);
  });

  test("prints several texts one after the other, each as it is alone", async () => {
    const seeds = ["7", "8", "9", "10"];
    const alone = await Promise.all(seeds.map((seed) => works(generate("--stop", "e", "--seed", seed))));
    const { stdout, stderr } = await works(generate("--stop", "e", "--seed", "7", "--count", "4"));
    expect(stdout).toBe(alone.map(({ stdout }) => stdout).join(""));
    const speedless = (text: string) => text.replace(/[\d,]+ tokens\/s/g, "");
    expect(speedless(stderr)).toBe(alone.map(({ stderr }) => speedless(stderr)).join(""));
  });

  test("stops before a stop text", async () => {
    const { text } = await json(generate("--seed", "5"));
    const whole = String(text);
    const stop = whole.slice(10, 13);
    const stopped = await json(generate("--seed", "5", "--stop", "never seen", "--stop", stop));
    expect(stopped).toMatchObject({ finishReason: "stop", text: whole.slice(0, whole.indexOf(stop)) });
  });

  test("of no tokens prints the prompt alone", async () => {
    const { stdout } = await works(["generate", run, "--prompt", "Once", "--max-tokens", "0"]);
    expect(stdout).toBe("Once\n");
  });

  test("is not disturbed by a reader that goes away", async () => {
    const outcome = await thunderbolt(generate("--count", "300"), { hangUp: true });
    expect(outcome).toMatchObject({ code: 0, signal: null });
    expect(outcome.stderr).not.toMatch(/EPIPE|failed/);
  });
});

describe("audit, info and bench", () => {
  test("audit proves the model causal", async () => {
    expect(await json(["audit", run])).toEqual({ causal: true, largestLeak: 0, where: null, windows: 4 });
    expect((await works(["audit", run, "--seed", "9"])).stdout).toMatch(/^causal:/);
  });

  test("info describes the model and its file", async () => {
    const info = await json(["info", run]);
    const file = join(run, "model.safetensors");
    expect(info).toMatchObject({
      file,
      bytes: readFileSync(file).length,
      sha256: trained.sha256,
      step: 3,
      config: { vocabSize: 300, dModel: 16, nHeads: 2, dHead: 8, nLayers: 2, dFfn: 32, seqLen: 16, headNorm: "token" },
      counts: { embedding: 300 * 16 },
    });
    const { stdout } = await works(["info", file]);
    for (const part of ["embed.weight", "blocks.1.rec.W_proj.weight", String(trained.sha256)]) {
      expect(stdout).toContain(part);
    }
  });

  test("bench measures", async () => {
    const result = await json(["bench", "--seconds", "0.02", "--workers", "1"]);
    expect(result).toMatchObject({
      kernels: { ternaryForward: expect.any(Number) },
      train: { preset: "tiny", workers: 1, tokensPerSecond: expect.any(Number) },
      decode: { tokensPerSecond: expect.any(Number) },
      batchDecode: { sessions: 16, tokensPerSecond: expect.any(Number) },
      prefill: { tokensPerSecond: expect.any(Number) },
      runtime: expect.stringMatching(/^Node /),
      relaxedSimd: expect.any(Boolean),
      revectorize: false,
    });
    expect(result.kernelSet).toBe(result.relaxedSimd ? "relaxed" : "simd");
  });

  test("relaxed SIMD is told by info, and refused in one line where it is not to be had", async () => {
    const { kernels, relaxedSimd } = await json(["info", run]);
    expect(kernels).toBe(relaxedSimd ? "relaxed" : "simd");
    const outcome = await thunderbolt(["info", run, "--kernels", "relaxed"]);
    expect(outcome.code).toBe(relaxedSimd ? 0 : 1);
    const refusal = /^thunderbolt: kernels relaxed cannot run here: [^\n]+\n$/;
    expect(outcome.stderr).toMatch(relaxedSimd ? /^$/ : refusal);
    expect((await works(["info", run, "--kernels", "simd"])).stdout).toMatch(/kernels here: simd; relaxed SIMD: /);
  });

  test("THUNDERBOLT_REVECTORIZE is heeded, or said to be ignored", async () => {
    const arguments_ = ["bench", "--seconds", "0.02", "--workers", "1", "--json"];
    const { code, stdout, stderr } = await thunderbolt(arguments_, { env: { THUNDERBOLT_REVECTORIZE: "1" } });
    expect(code).toBe(0);
    const heeded = JSON.parse(stdout).revectorize;
    const said = stderr.split("\n").filter((line) => line.includes("THUNDERBOLT_REVECTORIZE"));
    expect(said).toEqual(heeded ? [] : [expect.stringMatching(/^THUNDERBOLT_REVECTORIZE=1 is ignored: ./)]);
  });
});

test("a failure while working is one line too, and has another exit code than bad use", async () => {
  const out = join(folder, "failing");
  // a folder where a file must go: found only when it is to be replaced
  mkdirSync(join(out, "metrics.jsonl"), { recursive: true });
  const outcome = await thunderbolt([...inputs.train, "--steps", "2", "--out", out, "--overwrite", "--json"]);
  expect(outcome).toMatchObject({ code: 1, stdout: "" });
  expect(outcome.stderr).toMatch(/^thunderbolt: failed: [^\n]+\n$/);
});

test("text in any script goes in and comes out whole", async () => {
  const text = put(folder, "scripts.txt", "Щука съела 🐟 и ушла. 猫は魚を食べた。 ".repeat(60));
  const out = join(folder, "scripts");
  await json(["train", text, ...inputs.train.slice(2), "--steps", "2", "--out", out]);
  const { stdout } = await works(["generate", out, "--prompt", "猫は🐟", "--max-tokens", "0"]);
  expect(stdout).toBe("猫は🐟\n");
});
