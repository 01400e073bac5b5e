import { describe, expect, test } from "vitest";
import { NotCausalError, OptionError, TextError } from "../src/engine/errors.ts";
import { randomModel } from "./text-model.ts";

const text = "Once upon a time 🐟 there was a dög.\nHe ran.".repeat(12);

describe("score", () => {
  const model = randomModel({ activations: "int8" });

  test("gives the tokens of a text, with the bits per byte of an evaluation", async () => {
    const { tokens, nats, bytes, bitsPerByte } = await model.score(text, { end: true });
    expect(tokens.map(({ id }) => id)).toEqual([...model.tokenizer.encode(text), model.tokenizer.eos]);
    expect(tokens.map((token) => token.text).join("")).toBe(text);
    expect(Buffer.concat(tokens.map((token) => token.bytes)).toString()).toBe(text);
    expect(bytes).toBe(Buffer.byteLength(text));
    expect(tokens.length).toBeGreaterThan(256);
    const evaluation = await model.evaluate(text);
    expect(bitsPerByte).toBe(evaluation.bitsPerByte);
    expect(nats / tokens.length).toBe(evaluation.natsPerToken);
    expect((await model.score(text)).tokens).toEqual(tokens.slice(0, -1));
  });

  test("names alternatives, and scores what generate chose as generate did", async () => {
    let told = "";
    const scores = [];
    for await (const piece of model.generate("The dog", { seed: 4, maxTokens: 40, alternatives: 3 })) {
      told += piece.text;
      scores.push(...(piece.scores ?? []));
    }
    const prompt = model.tokenizer.encode("The dog").length;
    const session = model.session();
    session.append([model.tokenizer.eos, ...model.tokenizer.encode("The dog")]);
    expect(
      session.score(
        scores.map(({ id }) => id),
        3,
      ),
    ).toEqual(scores);
    expect(model.tokenizer.decode(scores.map(({ id }) => id))).toBe(told);
    const [first] = (await model.score("The dog ran", { alternatives: 3 })).tokens.slice(prompt);
    expect(first.alternatives).toEqual(scores[0].alternatives);
  });

  test("refuses what it cannot score", async () => {
    await expect(model.score("")).rejects.toThrow(TextError);
    await expect(model.score("a", { alternatives: -1 })).rejects.toThrow(OptionError);
    await expect(model.score("a", { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    await expect(randomModel({ headNorm: "window" }).score("a")).rejects.toThrow(NotCausalError);
  });
});
