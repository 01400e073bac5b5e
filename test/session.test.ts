import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../src/engine/config.ts";
import { FormatError, OptionError } from "../src/engine/errors.ts";
import { compileKernels } from "../src/engine/module.ts";
import { placeModel } from "../src/inference/placed-model.ts";
import { Runner } from "../src/inference/runner.ts";
import { scoreStory } from "../src/inference/scoring.ts";
import { Session } from "../src/inference/session.ts";
import { oddConfig, randomRunner, randomValues } from "./model.ts";
import { mutate } from "./mutate.ts";

const V = oddConfig.vocabSize;
const ids = fc.array(fc.nat(V - 1), { maxLength: 60 });

describe.each(["float32", "int8"] as const)("a session on %s activations", (activations) => {
  const runner = randomRunner({ ...oddConfig, activations });

  test("goes on from where it was saved, bit for bit", () => {
    fc.assert(
      fc.property(ids, ids, (before, after) => {
        const session = new Session(runner);
        session.append(before);
        const saved = session.save();
        const restored = Session.restore(runner, saved);
        expect(restored.position).toBe(before.length);
        expect(restored.logits).toEqual(session.logits);
        session.append(after);
        restored.append(after);
        expect(restored.logits).toEqual(session.logits);
        expect(restored.save()).toEqual(session.save());
        expect(saved).toHaveLength(4 * (8 + runner.stateCount + V));
      }),
      { numRuns: 30 },
    );
  });

  test("scores what it reads, to the bits of an evaluation, and is then where append would be", () => {
    fc.assert(
      fc.property(ids, fc.nat(70), fc.nat(4), (text, cut, alternatives) => {
        const session = new Session(runner);
        session.append([3]);
        const scores = [text.slice(0, cut), text.slice(cut)].flatMap((part) => session.score(part, alternatives));
        expect(scores.map(({ id }) => id)).toEqual(text);
        expect(Float64Array.from(scores, ({ nats }) => nats)).toEqual(scoreStory(runner, 3, text));
        const appended = new Session(runner);
        appended.append([3, ...text]);
        expect(session.save()).toEqual(appended.save());
      }),
      { numRuns: 30 },
    );
  });

  test("names the likeliest tokens in the place of each", () => {
    const session = new Session(runner);
    session.append([3]);
    const { logits } = session;
    const [{ alternatives }] = session.score([5], V);
    expect(alternatives).toHaveLength(V);
    expect(alternatives.reduce((sum, { nats }) => sum + Math.exp(-nats), 0)).toBeCloseTo(1, 6);
    expect(alternatives.map(({ id }) => logits[id])).toEqual([...logits].sort((a, b) => b - a));
    for (const { id, nats } of alternatives) {
      const again = new Session(runner);
      again.append([3]);
      expect(again.score([id])).toEqual([{ id, nats, alternatives: [] }]);
    }
  });
});

describe("a session", () => {
  const runner = randomRunner(oddConfig);
  const session = new Session(runner);
  session.append([1, 2, 3]);
  const saved = session.save();

  test("is the same for every kernel, and for a state that nothing was read into", () => {
    const values = { kind: "values", values: randomValues(oddConfig) } as const;
    const single = Runner.of(placeModel(compileKernels("single"), oddConfig, values));
    expect(Session.restore(single, saved).save()).toEqual(saved);
    const empty = Session.restore(runner, new Session(runner).save());
    expect([empty.position, empty.logits.length]).toEqual([0, 0]);
    empty.append([1, 2, 3]);
    expect(empty.save()).toEqual(saved);
  });

  test.each([
    ["other weights", randomRunner(oddConfig, 8)],
    ["another shape", randomRunner({ ...oddConfig, nLayers: 2 })],
    ["another configuration", randomRunner(parseConfig({ ...oddConfig, seqLen: 22 }))],
  ])("is refused by a model of %s", (_, other) => {
    expect(() => Session.restore(other, saved)).toThrow(FormatError);
    expect(() => Session.restore(other, saved)).toThrow(/of another model/);
  });

  test("is refused when anything of it has changed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 16, maxLength: 16 }),
        (numbers) => {
          let drawn = 0;
          const damaged = mutate(saved, () => numbers[drawn++ % 16]);
          if (Buffer.from(damaged).equals(saved)) return;
          expect(() => Session.restore(runner, damaged)).toThrow(FormatError);
        },
      ),
      { numRuns: 500 },
    );
    for (let length = 0; length < saved.length; length++) {
      expect(() => Session.restore(runner, saved.subarray(0, length))).toThrow(FormatError);
    }
    const later = saved.slice();
    later[4] = 2;
    expect(() => Session.restore(runner, later)).toThrow(/version 2; version 1 can be read/);
  });

  test("scores nothing that nothing predicts, and no alternatives out of range", () => {
    expect(() => new Session(runner).score([1])).toThrow(/nothing has been read/);
    expect(new Session(runner).score([])).toEqual([]);
    for (const alternatives of [-1, 1.5, 101]) {
      expect(() => session.clone().score([1], alternatives)).toThrow(OptionError);
    }
  });
});
