import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arena } from "../src/engine/arena.ts";
import { type ModelConfig, presetConfig } from "../src/engine/config.ts";
import { OptionError } from "../src/engine/errors.ts";
import { createMemory, instantiateKernels } from "../src/engine/instance.ts";
import { planModel } from "../src/engine/model-plan.ts";
import { compileKernels } from "../src/engine/module.ts";
import { LOGIT_ROWS, stateCount } from "../src/engine/workspace-plan.ts";
import { Session } from "../src/inference/session.ts";
import { oddConfig, randomRunner } from "./model.ts";

const shapes: Record<string, ModelConfig> = {
  "odd sizes": oddConfig,
  "room for a whole batch": { ...oddConfig, seqLen: 40 },
  "sizes of whole vectors": { ...oddConfig, vocabSize: 64, dModel: 32, nHeads: 2, dHead: 16, dFfn: 64, seqLen: 64 },
  "sums of several blocks": { ...oddConfig, dModel: 301, nHeads: 1, dHead: 277, dFfn: 530, nLayers: 2, seqLen: 34 },
  "one of everything": { ...oddConfig, dModel: 1, nHeads: 1, dHead: 1, dFfn: 1, nLayers: 1, seqLen: 5 },
};
const cases = Object.entries(shapes).flatMap(([name, config]) =>
  (["float32", "int8"] as const).map((activations) => ({ name, config: { ...config, activations } })),
);

describe.each(cases)("a batch, $config.activations activations, $name", ({ config }) => {
  const runner = randomRunner(config);
  const token = fc.nat(config.vocabSize - 1);
  const texts = fc.array(fc.array(token, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: LOGIT_ROWS + 9 });

  function alone(ids: readonly number[]): Session {
    const session = new Session(runner);
    session.append(ids);
    return session;
  }

  test("gives each session the bits that it has alone, whoever joins and leaves", () => {
    fc.assert(
      // a text's first tokens are read at once; then it joins at its step and leaves with its last token
      fc.property(texts, fc.array(fc.tuple(fc.nat(11), fc.nat(6))), (texts, plans) => {
        const members = texts.map((ids, i) => {
          const [cut, join] = plans[i % Math.max(1, plans.length)] ?? [0, 0];
          const session = new Session(runner);
          const read = Math.min(cut, ids.length - 1);
          session.append(ids.slice(0, read));
          return { ids, session, join };
        });
        for (let step = 0; members.some(({ ids, session }) => session.position < ids.length); step++) {
          const active = members.filter(({ ids, session, join }) => step >= join && session.position < ids.length);
          Session.appendEach(
            active.map(({ session }) => session),
            active.map(({ ids, session }) => ids[session.position]),
          );
        }
        for (const { ids, session } of members) {
          expect(session.logits).toEqual(alone(ids).logits);
          // and what they read next, alone again
          session.append(ids);
          expect(session.logits).toEqual(alone([...ids, ...ids]).logits);
        }
      }),
      { numRuns: 15 },
    );
  });

  test("of any size gives the same bits", () => {
    for (let S = 1; S <= LOGIT_ROWS + 1; S++) {
      const sessions = Array.from({ length: S }, (_, s) => alone([s % config.vocabSize]));
      const ids = sessions.map((_, s) => (7 * s + S) % config.vocabSize);
      Session.appendEach(sessions, ids);
      sessions.forEach((session, s) => {
        expect(session.logits).toEqual(alone([s % config.vocabSize, ids[s]]).logits);
      });
    }
  });
});

describe("sessions in a batch", () => {
  const runner = randomRunner(oddConfig);
  const a = new Session(runner);
  const b = new Session(runner);

  test.each<[string, Session[], number[], RegExp]>([
    ["an id outside the vocabulary", [a, b], [1, oddConfig.vocabSize], /token id 37 .* 0\.\.36/],
    ["too few ids", [a, b], [1], /1 ids for 2 sessions/],
    ["a session twice", [a, a], [1, 2], /twice/],
    ["sessions of two models", [a, new Session(randomRunner(oddConfig))], [1, 2], /different models/],
  ])("are refused with %s, and read nothing", (_, sessions, ids, message) => {
    expect(() => Session.appendEach(sessions, ids)).toThrow(OptionError);
    expect(() => Session.appendEach(sessions, ids)).toThrow(message);
    expect([a.position, b.position]).toEqual([0, 0]);
  });

  test("may be none", () => {
    Session.appendEach([], []);
  });

  test("hold a state and one row of logits: 116 KB for v5, however long the text", () => {
    const session = new Session(runner);
    session.append([1, 2, 3]);
    expect(session.bytes).toBe(4 * (runner.stateCount + oddConfig.vocabSize));
    const { bytes } = session;
    session.append(Array.from({ length: 100 }, (_, t) => t % oddConfig.vocabSize));
    Session.appendEach([session], [4]);
    expect(session.bytes).toBe(bytes);

    const v5 = presetConfig("v5");
    const compiled = compileKernels();
    const plan = planModel(new Arena(), instantiateKernels(compiled, createMemory(compiled.set, 1)), v5, false);
    expect(4 * stateCount(plan)).toBe(82_944);
    expect(4 * (stateCount(plan) + v5.vocabSize)).toBe(115_712);
  });
});
