import type { Worker } from "node:worker_threads";
import { afterAll, expect, test } from "vitest";
import { Model } from "../src/inference/model.ts";
import { piscinaCrew } from "../src/workers/piscina-crew.ts";
import { collect, randomModelFile } from "./text-model.ts";

const file = randomModelFile({ activations: "int8" });
const alone = Model.fromBytes(file);
const crew = piscinaCrew(new URL("../dist/worker.js", import.meta.url));
const model = Model.fromBytes(file, { workers: 3, crew });
const threads: Worker[] = [];
process.on("worker", (thread) => threads.push(thread));
const scheduler = model.scheduler();
afterAll(() => model.dispose());

test("threads write the texts that generate writes, several of one call at a time", async () => {
  const calls = Array.from({ length: 20 }, async (_, i) => {
    const options = { maxTokens: 40, seed: 10 * i, stop: i % 2 === 0 ? "e" : [] };
    const texts = ["", "", "", ""];
    for await (const { index, text } of scheduler.generate(["Once", "The dog 🐟"], { ...options, count: 2 })) {
      texts[index] += text;
    }
    for (const [index, text] of texts.entries()) {
      const prompt = index < 2 ? "Once" : "The dog 🐟";
      const expected = await collect(alone.generate(prompt, { ...options, seed: options.seed + (index % 2) }));
      expect(text).toBe(expected.text);
    }
  });
  await Promise.all(calls);
  expect(threads).toHaveLength(3);
  expect([scheduler.growing, scheduler.waiting]).toEqual([0, 0]);
});

test("scores and a score of all workers do not disturb each other", async () => {
  const text = "Once upon a time there was a dog.\n<|endoftext|>\n".repeat(20);
  const [evaluation, story] = await Promise.all([
    model.evaluate(text),
    collect(scheduler.generate(["Once"], { maxTokens: 300, seed: 3 })),
  ]);
  expect(evaluation).toEqual(await alone.evaluate(text));
  expect(story).toEqual(await collect(alone.generate("Once", { maxTokens: 300, seed: 3 })));
});

test("nor do two calls that all workers serve at once", async () => {
  // one worker is busy with the long story when the others have nothing left to score
  const text = `${"Once upon a time there was a dog, and it ran. ".repeat(500)}\n<|endoftext|>\nThe end.`;
  const write = async (by: Model) => {
    const texts: string[] = [];
    for await (const { text: one } of by.generateTexts(["Once", "The dog"], { count: 20, maxTokens: 60 }))
      texts.push(one);
    return texts;
  };
  const expected = [await alone.evaluate(text), await write(alone)];
  for (let i = 0; i < 3; i++) expect(await Promise.all([model.evaluate(text), write(model)])).toEqual(expected);
});

test("have one scheduler", () => {
  expect(() => model.scheduler()).toThrow(/scheduler already; share it/);
});

test("that die end the texts that they write with one error", async () => {
  const texts = Array.from({ length: 3 }, () =>
    collect(scheduler.generate(["Once"], { maxTokens: 1e9, temperature: 0 })),
  );
  const ended = Promise.all(texts.map((text) => expect(text).rejects.toMatchObject({ code: "WORKER_DIED" })));
  await Promise.all(threads.map((thread) => thread.terminate()));
  await ended;
  expect(scheduler.growing).toBe(0);
});
