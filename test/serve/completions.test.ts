import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from "openai";
import { describe, expect, test } from "vitest";
import { collect, randomModel } from "../text-model.ts";
import { idle, post, serve } from "./harness.ts";

const model = randomModel({ activations: "int8" });
const { url } = await serve(model);
const client = new OpenAI({ apiKey: "none", baseURL: `${url}/v1`, maxRetries: 0 });
const prompt = "Once upon a time";

describe("OpenAI's client", () => {
  test("completes: the text that generate gives, its end and its usage", async () => {
    for (const [stop, seed] of [
      [null, 1],
      ["e", 2],
      [["th", "a"], 3],
    ] as const) {
      const completion = await client.completions.create({
        model: "stories",
        prompt,
        max_tokens: 30,
        temperature: 0.9,
        top_p: 0.95,
        stop: typeof stop === "string" || stop === null ? stop : [...stop],
        seed,
        user: "somebody",
        presence_penalty: 0,
        frequency_penalty: 0,
      });
      const options = { maxTokens: 30, temperature: 0.9, topP: 0.95, stop: stop ?? [], seed };
      const { text, tokens, finishReason } = await collect(model.generate(prompt, options));
      const prompted = model.tokenizer.encode(prompt).length;
      expect(completion).toMatchObject({
        object: "text_completion",
        model: "stories",
        choices: [{ text, index: 0, logprobs: null, finish_reason: finishReason === "length" ? "length" : "stop" }],
        usage: { prompt_tokens: prompted, completion_tokens: tokens, total_tokens: prompted + tokens },
      });
    }
  });

  test("gets several texts of several prompts, with seeds from the given one on", async () => {
    const prompts = ["The dog", "", "Mom 🐟"];
    const { choices, usage } = await client.completions.create({
      model: "stories",
      prompt: prompts,
      n: 3,
      seed: 5,
      max_tokens: 12,
    });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let tokens = 0;
    for (const { index, text } of choices) {
      const options = { seed: 5 + (index % 3), maxTokens: 12 };
      const alone = await collect(model.generate(prompts[Math.floor(index / 3)], options));
      expect(text).toBe(alone.text);
      tokens += alone.tokens;
    }
    const prompted = prompts.flatMap((one) => model.tokenizer.encode(one)).length;
    expect(usage).toEqual({ prompt_tokens: prompted, completion_tokens: tokens, total_tokens: prompted + tokens });
  });

  test("streams: the same texts in pieces, and the usage if it asks for it", async () => {
    const stream = await client.completions.create({
      model: "stories",
      prompt,
      n: 2,
      seed: 7,
      max_tokens: 200,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ["", ""];
    const reasons: unknown[] = [];
    const usages: unknown[] = [];
    let chunks = 0;
    for await (const { choices, usage } of stream) {
      chunks++;
      if (usage) usages.push(usage);
      for (const { index, text, finish_reason } of choices) {
        texts[index] += text;
        if (finish_reason) reasons[index] = finish_reason;
      }
    }
    const alone = await Promise.all([7, 8].map((seed) => collect(model.generate(prompt, { seed, maxTokens: 200 }))));
    expect(texts).toEqual(alone.map(({ text }) => text));
    expect(reasons).toEqual(alone.map(({ finishReason }) => (finishReason === "eos" ? "stop" : finishReason)));
    expect(usages).toEqual([expect.objectContaining({ completion_tokens: alone[0].tokens + alone[1].tokens })]);
    expect(chunks).toBeGreaterThan(2);
  });

  test("leaves, and its place is free", async () => {
    const { url } = await serve(model, { limits: { sessions: 1, queue: 0, maxTokens: 1_000_000 } });
    const client = new OpenAI({ apiKey: "none", baseURL: `${url}/v1`, maxRetries: 0 });
    // a text that does not end by itself
    const endless = { model: "stories", prompt, max_tokens: 1_000_000, temperature: 0 };
    const stream = await client.completions.create({ ...endless, stream: true });
    for await (const _ of stream) break;
    await idle(url);
    const leaving = new AbortController();
    const whole = client.completions.create(endless, { signal: leaving.signal });
    const refused = expect(whole).rejects.toThrow(APIUserAbortError);
    setTimeout(() => leaving.abort(), 30);
    await refused;
    await idle(url);
    expect((await client.completions.create({ ...endless, max_tokens: 2 })).choices).toHaveLength(1);
  });

  test("lists the model, and is told of what is wrong", async () => {
    const { data } = await client.models.list();
    expect(data).toEqual([await client.models.retrieve("stories")]);
    await expect(client.models.retrieve("gpt")).rejects.toThrow(NotFoundError);
    await expect(client.completions.create({ model: "gpt", prompt })).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
    await expect(client.completions.create({ model: "stories", prompt, temperature: -1 })).rejects.toThrow(
      BadRequestError,
    );
  });
});

describe("a completion", () => {
  const complete = async (body: object) => (await (await post(url, body)).json()) as OpenAI.Completion;

  test("tells logprobs, of the prompt too if that is echoed, as score does", async () => {
    const asked = { prompt, seed: 3, max_tokens: 20, logprobs: 2, echo: true };
    const [{ text, logprobs }] = (await complete(asked)).choices;
    expect(text.startsWith(prompt)).toBe(true);
    const { tokens } = await model.score(prompt, { alternatives: 2 });
    const told = logprobs?.token_logprobs ?? [];
    expect(told.slice(0, tokens.length)).toEqual(tokens.map(({ nats }) => -nats));
    expect(told).toHaveLength(tokens.length + 20);
    expect(logprobs?.text_offset?.slice(0, 3)).toEqual([0, ...offsets(tokens.map((token) => token.text)).slice(0, 2)]);
    for (const [i, top] of (logprobs?.top_logprobs ?? []).entries()) {
      expect(Object.keys(top).length).toBeLessThanOrEqual(3);
      expect(top[logprobs?.tokens?.[i] ?? ""]).toBe(told[i]);
      expect(Math.max(...Object.values(top))).toBeGreaterThanOrEqual(told[i]);
    }
    // a stream tells the same in parts
    const streamed = await (await post(url, { ...asked, stream: true })).text();
    const parts = streamed.split("\n\n").slice(0, -2);
    const chunks = parts.map((part): OpenAI.Completion => JSON.parse(part.slice("data: ".length)));
    expect(chunks.flatMap(({ choices: [choice] }) => choice.logprobs?.token_logprobs ?? [])).toEqual(told);
    expect(chunks.flatMap(({ choices: [choice] }) => choice.logprobs?.text_offset ?? [])).toEqual(
      logprobs?.text_offset,
    );
  });

  test("of no token scores a prompt alone", async () => {
    const { choices } = await complete({ prompt, max_tokens: 0, logprobs: 0, echo: true });
    expect(choices[0]).toMatchObject({ text: prompt, finish_reason: "length" });
    const { nats } = await model.score(prompt);
    const told = choices[0].logprobs?.token_logprobs ?? [];
    expect(-told.reduce((sum, logprob) => sum + logprob, 0)).toBeCloseTo(nats, 9);
  });

  test("takes token ids, one list or several", async () => {
    const ids = ["The dog", "Mom"].map((text) => model.tokenizer.encode(text));
    const asked = { seed: 1, max_tokens: 9 };
    const texts = (await complete({ ...asked, prompt: ["The dog", "Mom"] })).choices.map(({ text }) => text);
    expect((await complete({ ...asked, prompt: ids })).choices.map(({ text }) => text)).toEqual(texts);
    expect((await complete({ ...asked, prompt: ids[0] })).choices.map(({ text }) => text)).toEqual(texts.slice(0, 1));
  });

  test("knows our options of sampling, and draws a seed where none is given", async () => {
    const asked = { prompt, max_tokens: 60, temperature: 1, top_k: 20, min_p: 0.01, repetition_penalty: 1.2 };
    const { text } = await collect(
      model.generate(prompt, { maxTokens: 60, temperature: 1, topK: 20, minP: 0.01, repetitionPenalty: 1.2, seed: 4 }),
    );
    expect((await complete({ ...asked, seed: 4 })).choices[0].text).toBe(text);
    const [one, other] = await Promise.all([complete(asked), complete(asked)]);
    expect(one.choices[0].text).not.toBe(other.choices[0].text);
  });
});

/** Where each text ends, in code points. */
function offsets(texts: readonly string[]): number[] {
  let end = 0;
  return texts.map((text) => {
    end += [...text].length;
    return end;
  });
}
