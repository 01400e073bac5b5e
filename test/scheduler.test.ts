import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { BusyError, NotCausalError, OptionError } from "../src/engine/errors.ts";
import { Batch } from "../src/inference/batch.ts";
import { Continuation, type Piece } from "../src/inference/continuation.ts";
import { Prompt } from "../src/inference/prompt.ts";
import type { ScheduledPiece } from "../src/inference/scheduler.ts";
import { Session } from "../src/inference/session.ts";
import type { TokenScore } from "../src/inference/token-score.ts";
import { randomRunner } from "./model.ts";
import { collect, randomModel } from "./text-model.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Whole texts, in order. */
async function collectAll(pieces: AsyncIterable<ScheduledPiece>): Promise<Piece[]> {
  const texts: Piece[] = [];
  for await (const { index, ...piece } of pieces) {
    texts[index] = { ...piece, text: (texts[index]?.text ?? "") + piece.text };
  }
  return texts;
}

const calls = fc.array(
  fc.record({
    prompts: fc.array(fc.constantFrom("", "Once upon a time", "The dog 🐟", "Mom said. ".repeat(30)), { maxLength: 3 }),
    wait: fc.nat(40),
    leaveAfter: fc.option(fc.nat(10)),
    options: fc.record({
      count: fc.integer({ min: 1, max: 4 }),
      maxTokens: fc.nat(30),
      stop: fc.constantFrom([], "e"),
      temperature: fc.constantFrom(0, 0.8),
      repetitionPenalty: fc.constantFrom(1, 1.3),
      seed: fc.nat(1000),
    }),
  }),
  { minLength: 1, maxLength: 8 },
);

describe("a scheduler", () => {
  const model = randomModel({ activations: "int8" });

  test("gives each the texts that generate gives, whoever comes and goes", async () => {
    await fc.assert(
      fc.asyncProperty(calls, fc.integer({ min: 1, max: 12 }), async (calls, places) => {
        const scheduler = model.scheduler({ places });
        await Promise.all(
          calls.map(async ({ prompts, wait, leaveAfter, options }) => {
            for (let i = 0; i < wait; i++) await turn();
            if (leaveAfter !== null) {
              let seen = 0;
              for await (const _ of scheduler.generate(prompts, options)) if (seen++ === leaveAfter) break;
              return;
            }
            const texts = await collectAll(scheduler.generate(prompts, options));
            expect(texts).toHaveLength(prompts.length * options.count);
            for (const [i, text] of texts.entries()) {
              const { count, ...alone } = options;
              const seed = options.seed + (i % count);
              expect(text).toEqual(await collect(model.generate(prompts[Math.floor(i / count)], { ...alone, seed })));
            }
          }),
        );
        expect([scheduler.growing, scheduler.waiting]).toEqual([0, 0]);
      }),
      { numRuns: 25 },
    );
  });

  test("takes token ids for a prompt, and scores prompts and texts", async () => {
    const ids = model.tokenizer.encode("The dog ran.");
    const options = { seed: 3, maxTokens: 9, alternatives: 2 };
    const pieces = model.scheduler().generate([ids, "The dog ran."], { ...options, scorePrompts: true });
    const [scores, promptScores]: TokenScore[][] = [[], []];
    for await (const piece of pieces) {
      if (piece.index === 1) continue;
      scores.push(...(piece.scores ?? []));
      promptScores.push(...(piece.promptScores ?? []));
    }
    const { tokens } = await model.score("The dog ran.", { alternatives: 2 });
    expect(promptScores).toEqual(tokens.map(({ id, nats, alternatives }) => ({ id, nats, alternatives })));
    const session = model.session();
    session.append([model.tokenizer.eos, ...ids]);
    expect(
      session.score(
        scores.map(({ id }) => id),
        2,
      ),
    ).toEqual(scores);
    expect(() => model.scheduler().generate([[1, 280]])).toThrow(/token id 280/);
  });

  test("lets texts wait up to its bound, and frees a place at once when its text is given up", async () => {
    const scheduler = model.scheduler({ places: 1, waiting: 1 });
    const leaving = new AbortController();
    const first = scheduler.generate(["Once"], { maxTokens: 1e9, signal: leaving.signal });
    const second = scheduler.generate(["The dog"], { maxTokens: 20, seed: 5 });
    expect(() => scheduler.generate(["Mom"])).toThrow(BusyError);
    await first.next();
    expect([scheduler.growing, scheduler.waiting]).toEqual([1, 1]);
    leaving.abort(new Error("gone"));
    expect([scheduler.growing, scheduler.waiting]).toEqual([1, 0]);
    await expect(first.next()).rejects.toThrow("gone");
    expect((await collectAll(second))[0]).toEqual(await collect(model.generate("The dog", { maxTokens: 20, seed: 5 })));
    expect(() => scheduler.generate(["Mom"], { signal: leaving.signal })).toThrow("gone");
    expect(() => scheduler.generate(["Mom"], { count: 3 })).toThrow(BusyError);
    expect(await collectAll(scheduler.generate(["Mom"], { count: 2, maxTokens: 0 }))).toHaveLength(2);
  });

  test("lets a text that waits be given up", async () => {
    const scheduler = model.scheduler({ places: 1 });
    const leaving = new AbortController();
    const first = collectAll(scheduler.generate(["Once"], { maxTokens: 50 }));
    const second = collectAll(scheduler.generate(["Once"], { signal: leaving.signal }));
    expect([scheduler.growing, scheduler.waiting]).toEqual([1, 1]);
    leaving.abort(new Error("gone"));
    expect([scheduler.growing, scheduler.waiting]).toEqual([1, 0]);
    await expect(second).rejects.toThrow("gone");
    expect(await first).toHaveLength(1);
  });

  test("gives the event loop a turn again and again", async () => {
    let turns = 0;
    let working = true;
    const counting = (async () => {
      for (; working; turns++) await turn();
    })();
    await collectAll(model.scheduler().generate(["Once"], { maxTokens: 500, seed: 2, temperature: 0 }));
    working = false;
    await counting;
    expect(turns).toBeGreaterThan(3);
  });

  test("survives a fault: who is concerned is told, the next are served", async () => {
    const scheduler = model.scheduler();
    const fault = vi.spyOn(Session, "appendEach").mockImplementationOnce(() => {
      throw new Error("unreachable executed");
    });
    await expect(collectAll(scheduler.generate(["Once"]))).rejects.toThrow("unreachable executed");
    fault.mockRestore();
    expect(await collectAll(scheduler.generate(["Once"], { maxTokens: 5 }))).toHaveLength(1);
  });

  test("refuses what it cannot do", () => {
    expect(() => model.scheduler({ places: 0 })).toThrow(OptionError);
    expect(() => model.scheduler({ waiting: -1 })).toThrow(/waiting is -1/);
    expect(() => model.scheduler().generate(["Once"], { topP: 2 })).toThrow(OptionError);
    expect(() => randomModel({ headNorm: "window" }).scheduler()).toThrow(NotCausalError);
  });
});

describe("a batch", () => {
  const { config, tokenizer } = randomModel();
  const runner = randomRunner(config);
  const prompt = (tokens: number) => new Prompt(runner, tokenizer.eos, new Array(tokens).fill(7));
  const text = () => new Continuation(runner, tokenizer, [], { seed: 1 });

  /** How many tokens each text has, of those that a step tells of. */
  function step(batch: Batch<string>): Record<string, number> {
    return Object.fromEntries(batch.step().map(([key, { tokens }]) => [key, tokens]));
  }

  test("reads a long prompt in parts, while the others go on and a short one comes first", () => {
    const batch = new Batch<string>(3, 10);
    const [long, short] = [prompt(59), prompt(4)];
    batch.join("a", prompt(0), text());
    step(batch);
    batch.join("long", long, text());
    step(batch);
    batch.join("short", short, text());
    const readAt: Record<string, number> = {};
    for (let steps = 3; !long.isRead; steps++) {
      const { a } = step(batch);
      // a step that completes no character tells nothing
      expect(a ?? steps, "the text that was there grows at every step").toBe(steps);
      if (short.isRead) readAt.short ??= steps;
      if (long.isRead) readAt.long = steps;
    }
    // 60 tokens with the end of the story before, ten a step from the second on; five of the short one's come between
    expect(readAt).toEqual({ short: 4, long: 8 });
  });

  test("reads no prompt on whose texts have left", () => {
    const batch = new Batch<string>(3, 10);
    const [left, wanted] = [prompt(30), prompt(5)];
    batch.join("a", left, text());
    batch.join("b", left, text());
    batch.leave("a");
    step(batch);
    batch.leave("b");
    batch.join("c", wanted, text());
    expect(Object.keys(step(batch))).toEqual(["c"]);
    expect(left.isRead).toBe(false);
  });
});
