import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { type TokenizedSides, type Tokenizing, tokenizingInPlace } from "../src/corpus/tokenizing.ts";
import { WorkerError } from "../src/engine/errors.ts";
import { BATCH_CHARACTERS, tokenizeBatches } from "../src/run/tokenize-batches.ts";
import { trainVocabulary } from "../src/tokenizer/train-vocabulary.ts";

const tokenizerJson = await trainVocabulary([], 260);
const inPlace = tokenizingInPlace({ tokenizerJson, valShare: 0.3, asReleased: false });
/** Long enough that a few make a batch. */
const stories = Array.from({ length: 25 }, (_, i) => `${i} `.repeat(BATCH_CHARACTERS / 10));

/** Hands stories over so many at a time. */
async function* pieces(sizes: readonly number[]): AsyncGenerator<string[]> {
  for (let at = 0, i = 0; at < stories.length; i++) {
    const size = sizes[i % sizes.length];
    yield stories.slice(at, at + size);
    at += size;
  }
}

test("batches depend on the stories alone, and come in order with a bounded number under way", async () => {
  const expected: TokenizedSides[] = [];
  for await (const sides of tokenizeBatches(pieces([1]), inPlace, 1)) expected.push(sides);
  expect(expected.length).toBeGreaterThan(4);
  expect(expected.reduce((sum, { train, val }) => sum + train.stories + val.stories, 0)).toBe(stories.length);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1 }).filter((sizes) => Math.max(...sizes) > 0),
      fc.array(fc.nat(3), { minLength: expected.length, maxLength: expected.length }),
      fc.integer({ min: 1, max: 6 }),
      async (sizes, delays, ahead) => {
        let begun = 0;
        let given = 0;
        const slow: Tokenizing = {
          ...inPlace,
          run: async () => {
            const batch = begun++;
            expect(begun - given).toBeLessThanOrEqual(ahead);
            await wait(delays[batch]);
            return expected[batch];
          },
        };
        for await (const sides of tokenizeBatches(pieces(sizes), slow, ahead)) expect(sides).toBe(expected[given++]);
        expect(given).toBe(expected.length);
      },
    ),
    { numRuns: 15 },
  );
});

test("what fails is told in its turn, and only that", async () => {
  const failing: Tokenizing = {
    ...inPlace,
    run: async ([story]) => {
      // the later failure comes first
      await wait(story.startsWith("0 ") ? 5 : 0);
      throw new WorkerError(`at ${story.slice(0, 2)}`);
    },
  };
  const run = async () => {
    for await (const _ of tokenizeBatches(pieces([3]), failing, 3)) throw new Error("nothing was tokenised");
  };
  await expect(run()).rejects.toThrow(/^at 0 $/);
});

test("prepare refuses a text of more tokens than train takes as soon as it is known", async () => {
  const folder = mkdtempSync(join(tmpdir(), "thunderbolt-limit-"));
  const [data, tokenizer] = ["text.txt", "bytes.json"].map((name) => join(folder, name));
  writeFileSync(data, "Once upon a time");
  writeFileSync(tokenizer, tokenizerJson);
  vi.doMock("../src/corpus/windows.ts", async (load) => {
    const windows = await load<typeof import("../src/corpus/windows.ts")>();
    return { ...windows, checkTokens: (tokens: number) => windows.checkTokens(2 ** 32 - 17 + tokens) };
  });
  const { prepare } = await import("../src/run/prepare.ts");
  const options = { texts: [data], tokenizer, valShare: 0 };
  expect(await prepare({ ...options, out: join(folder, "fits") })).toMatchObject({ trainTokens: 17 });
  writeFileSync(data, "Once upon a time.");
  const refused = prepare({ ...options, out: join(folder, "none") });
  await expect(refused).rejects.toMatchObject({
    name: "TextError",
    message: expect.stringMatching(/more than 4294967296 tokens/),
  });
  expect(readdirSync(folder).sort()).toEqual(["bytes.json", "fits", "text.txt"]);
  vi.doUnmock("../src/corpus/windows.ts");
  rmSync(folder, { recursive: true, force: true });
});
