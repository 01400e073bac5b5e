import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NotCausalError, OptionError } from "../src/engine/errors.ts";
import { LOGIT_ROWS } from "../src/engine/workspace-plan.ts";
import type { Piece } from "../src/inference/continuation.ts";
import type { BatchOptions } from "../src/inference/generate-batch.ts";
import type { Model } from "../src/inference/model.ts";
import { collect, randomModel } from "./text-model.ts";

async function collectBatch(model: Model, prompts: readonly string[], options: BatchOptions): Promise<Piece[]> {
  const texts: Piece[] = [];
  for await (const { index, ...piece } of model.generateBatch(prompts, options)) {
    expect(texts[index]?.finishReason, "a piece after the last").toBeUndefined();
    texts[index] = { ...piece, text: (texts[index]?.text ?? "") + piece.text };
  }
  return texts;
}

const prompts = fc.array(fc.constantFrom("", "Once", "Once upon a time", "The dog 🐟", "Mom"), { maxLength: 5 });
const options = fc.record({
  maxTokens: fc.nat(50),
  stop: fc.constantFrom([], "a", ["e", "th"], ["never seen"]),
  temperature: fc.constantFrom(0, 0.8, 1.5),
  topK: fc.constantFrom(0, 5, 50),
  topP: fc.constantFrom(1, 0.9),
  repetitionPenalty: fc.constantFrom(1, 1.3),
  seed: fc.nat(1000),
});

describe.each(["float32", "int8"] as const)("generateBatch on %s activations", (activations) => {
  const model = randomModel({ activations });

  test("gives the texts that generate gives, one by one", async () => {
    await fc.assert(
      fc.asyncProperty(prompts, fc.integer({ min: 1, max: 12 }), options, async (prompts, count, options) => {
        const texts = await collectBatch(model, prompts, { ...options, count });
        expect(texts).toHaveLength(prompts.length * count);
        for (const [i, text] of texts.entries()) {
          const seed = options.seed + (i % count);
          expect(text).toEqual(await collect(model.generate(prompts[Math.floor(i / count)], { ...options, seed })));
        }
      }),
      { numRuns: 25 },
    );
  });

  test("takes more texts than go through the model at once; they end in every way", async () => {
    const options = { count: 2 * LOGIT_ROWS + 3, maxTokens: 60, stop: "e", seed: 9 };
    const texts = await collectBatch(model, ["Once"], options);
    expect(texts).toHaveLength(options.count);
    expect(new Set(texts.map(({ finishReason }) => finishReason))).toEqual(new Set(["eos", "stop", "length"]));
    for (const [i, text] of texts.entries()) {
      const { count: _, ...alone } = options;
      expect(text).toEqual(await collect(model.generate("Once", { ...alone, seed: 9 + i })));
    }
  });

  test("ends with the signal's reason, before and between its pieces", async () => {
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(collectBatch(model, ["Once"], { signal: aborted })).rejects.toThrow("enough");
    const controller = new AbortController();
    const seen: Piece[] = [];
    const reading = (async () => {
      for await (const piece of model.generateBatch(["Once"], { count: 3, signal: controller.signal })) {
        seen.push(piece);
        if (seen.length === 7) controller.abort(new Error("enough"));
      }
    })();
    await expect(reading).rejects.toThrow("enough");
    expect(seen.length).toBeLessThan(10);
  });
});

describe("generateBatch", () => {
  const model = randomModel({});

  test.each<[BatchOptions, RegExp]>([
    [{ count: 0 }, /count is 0/],
    [{ count: 1.5 }, /count is 1\.5/],
    [{ count: 3, seed: 2 ** 32 - 2 }, /count is 3.* seed 4294967294 .*smaller seed/],
    [{ seed: 2 ** 32 }, /seed is 4294967296/],
    [{ maxTokens: -1 }, /maxTokens is -1/],
    [{ stop: ["a", ""] }, /stop is empty/],
    [{ topP: 2 }, /topP is 2/],
  ])("refuses %o", async (options, message) => {
    await expect(collectBatch(model, ["Once"], options)).rejects.toThrow(OptionError);
    await expect(collectBatch(model, ["Once"], options)).rejects.toThrow(message);
  });

  test("reaches the last seed", async () => {
    const options = { count: 2, seed: 2 ** 32 - 2, maxTokens: 3 };
    const [, last] = await collectBatch(model, ["Once"], options);
    expect(last).toEqual(await collect(model.generate("Once", { maxTokens: 3, seed: 2 ** 32 - 1 })));
  });

  test("is refused by a model that cannot stream", async () => {
    const windowed = randomModel({ headNorm: "window" });
    await expect(collectBatch(windowed, ["Once"], {})).rejects.toThrow(NotCausalError);
  });
});
