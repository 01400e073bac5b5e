import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../src/engine/config.ts";
import { parameterTable } from "../src/engine/parameters.ts";
import { writeModelFile } from "../src/formats/model-file.ts";
import { Continuation } from "../src/inference/continuation.ts";
import { loadModel } from "../src/portable.ts";
import { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { byteVocabulary } from "./byte-vocabulary.ts";
import { oddConfig, randomRunner, randomValues } from "./model.ts";

const config = parseConfig({ ...oddConfig, vocabSize: 260 });
const tokenizer = Tokenizer.fromJson(byteVocabulary);
const runner = randomRunner(config);
const model = await loadModel(
  new Blob(writeModelFile(config, byteVocabulary, parameterTable(config), randomValues(config)) as BlobPart[]),
);

/** The pieces of a text that the model is made to say, byte by byte. */
function piecesOf(text: string, stop: readonly string[] = []): string[] {
  const continuation = new Continuation(runner, tokenizer, [], { temperature: 0, maxTokens: 10_000, stop });
  const pieces: string[] = [];
  for (const id of [...tokenizer.encode(text), tokenizer.eos]) {
    if (continuation.ended) break;
    const logits = new Float32Array(config.vocabSize);
    logits[id] = 1;
    pieces.push(continuation.step(logits)?.text ?? "");
  }
  return pieces;
}

describe("a piece of text", () => {
  const texts = fc.array(fc.constantFrom("a", "é", "ж", "€", "한", "🐟", "👩‍🚀", "\u{10ffff}", "\ufeff", "e\u0301"));

  test("never splits a character, whatever its bytes", () => {
    fc.assert(
      fc.property(texts, fc.constantFrom([], ["🐠"], ["жж", "🐟🐟🐟"]), (characters, stop) => {
        const text = characters.join("");
        const pieces = piecesOf(text, stop);
        for (const piece of pieces) {
          expect(piece).not.toContain("\ufffd");
          expect(piece).not.toMatch(/\p{Surrogate}/u);
        }
        const stopsAt = stop.map((one) => text.indexOf(one)).filter((at) => at >= 0);
        expect(pieces.join("")).toBe(text.slice(0, Math.min(text.length, ...stopsAt)));
      }),
    );
  });

  test("comes with the last byte of a character", () => {
    expect(piecesOf("a🐟é")).toEqual(["a", "", "", "", "🐟", "", "é", ""]);
  });

  test("of a model that knows only bytes is never half a character", async () => {
    let text = "";
    for await (const piece of model.generate("🐟", { maxTokens: 300, temperature: 1, topK: 0, seed: 3 })) {
      expect(piece.text).not.toMatch(/\p{Surrogate}/u);
      text += piece.text;
    }
    expect(text).toMatch(/[\u0080-\u{10ffff}]/u);
  });
});

describe("while a text is generated, others have their turn:", () => {
  const endless = { maxTokens: 1e9, temperature: 1, topK: 0 };
  const untilAborted = async (pieces: AsyncIterable<unknown>) => {
    for await (const _ of pieces);
  };
  // a story that ends begins again: the model knows nothing, and ends its stories soon
  const generating = async (signal: AbortSignal) => {
    for (let seed = 0; ; seed++) await untilAborted(model.generate("Once", { ...endless, seed, signal }));
  };

  test("timers, and signals that they give", async () => {
    await expect(generating(AbortSignal.timeout(50))).rejects.toThrow(/timeout/);
    const prompts = Array.from({ length: 100 }, () => "Once");
    const batch = model.generateBatch(prompts, { ...endless, count: 100, signal: AbortSignal.timeout(50) });
    await expect(untilAborted(batch)).rejects.toThrow(/timeout/);
    const whole = model.generateTexts(prompts, { ...endless, count: 100, signal: AbortSignal.timeout(50) });
    await expect(untilAborted(whole)).rejects.toThrow(/timeout/);
  });

  test("also while a long prompt is read, in which a signal is heard", async () => {
    const prompt = "Once upon a time ".repeat(20_000);
    const reading = untilAborted(model.generate(prompt, { maxTokens: 1, signal: AbortSignal.timeout(50) }));
    await expect(reading).rejects.toThrow(/timeout/);
  });

  test.each([
    ["in a browser", ["setImmediate"]],
    ["at the edge", ["setImmediate", "MessageChannel"]],
  ])("%s", async (_, missing) => {
    const before = missing.map((name) => [name, Reflect.get(globalThis, name)] as const);
    for (const name of missing) Reflect.deleteProperty(globalThis, name);
    try {
      await expect(generating(AbortSignal.timeout(50))).rejects.toThrow(/timeout/);
    } finally {
      for (const [name, value] of before) Reflect.set(globalThis, name, value);
    }
  });
});
