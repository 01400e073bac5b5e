import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NotCausalError, OptionError } from "../src/engine/errors.ts";
import { auditCausality } from "../src/inference/audit.ts";
import { scoreStory } from "../src/inference/scoring.ts";
import { Session } from "../src/inference/session.ts";
import { oddConfig, randomRunner } from "./model.ts";

const { vocabSize: V, seqLen: T } = oddConfig;
const ids = fc.array(fc.nat(V - 1), { minLength: 1, maxLength: 3 * T });

describe.each(["float32", "int8"] as const)("a causal model on %s activations", (activations) => {
  const runner = randomRunner({ ...oddConfig, activations });

  test("gives a window and a stream the same bits", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(V - 1), { minLength: T, maxLength: T }), (window) => {
        const session = new Session(runner);
        const streamed = window.map((id) => {
          session.append([id]);
          return session.logits;
        });
        runner.forward(window);
        for (let t = 0; t < T; t++) expect(runner.logits(t, 1)).toEqual(streamed[t]);
      }),
      { numRuns: 20 },
    );
  });

  test("gives a text the same bits however it is cut", () => {
    fc.assert(
      fc.property(ids, fc.array(fc.nat(3 * T)), (text, cuts) => {
        const whole = new Session(runner);
        whole.append(text);
        const cut = new Session(runner);
        const places = [0, ...cuts.filter((at) => at < text.length).sort((a, b) => a - b), text.length];
        places.slice(1).forEach((to, i) => {
          cut.append(text.slice(places[i], to));
        });
        expect(cut.logits).toEqual(whole.logits);
        expect(cut.position).toBe(text.length);
      }),
      { numRuns: 50 },
    );
  });

  test("scores a story the same in windows and token by token", () => {
    fc.assert(
      fc.property(ids, (story) => {
        expect(scoreStory(runner, 3, story, "window")).toEqual(scoreStory(runner, 3, story, "stream"));
      }),
      { numRuns: 20 },
    );
  });

  test("passes the audit with a leak of exactly 0", () => {
    expect(auditCausality(runner)).toEqual({ causal: true, largestLeak: 0, windows: 4 });
  });

  test("lets a session be cloned: both go on independently", () => {
    const session = new Session(runner);
    session.append([1, 2, 3]);
    const clone = session.clone();
    clone.append([4]);
    const before = session.logits;
    session.append([5]);
    expect(session.logits).not.toEqual(before);
    const again = new Session(runner);
    again.append([1, 2, 3, 4]);
    expect(clone.logits).toEqual(again.logits);
  });

  test.each([[-1], [V], [1.5], [Number.NaN]])("refuses token id %d", (id) => {
    expect(() => new Session(runner).append([id])).toThrow(OptionError);
  });
});

describe('a model with headNorm "window"', () => {
  const windowed = randomRunner({ ...oddConfig, headNorm: "window" });

  test("fails the audit, with a number and a place", () => {
    const { causal, largestLeak, where } = auditCausality(windowed);
    expect(causal).toBe(false);
    expect(largestLeak).toBeGreaterThan(1e-3);
    expect(where?.position).toBeLessThan(T);
  });

  test("refuses to stream", () => {
    expect(() => new Session(windowed)).toThrow(NotCausalError);
    expect(() => scoreStory(windowed, 3, [1, 2], "stream")).toThrow(/--mode window/);
  });
});
