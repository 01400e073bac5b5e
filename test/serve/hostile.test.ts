import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { randomModel } from "../text-model.ts";
import { errorOf, idle, post, serve } from "./harness.ts";

const model = randomModel({ activations: "int8" });
const limits = { maxPrompt: 100, maxTokens: 50, maxTexts: 4, maxBody: 20_000 };
const { url } = await serve(model, {
  limits,
  connection: { headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 50 },
});
const port = Number(new URL(url).port);
const prompt = "Once";

/** Whatever came before, the server goes on. */
afterEach(async () => {
  const response = await post(url, { prompt, max_tokens: 1 });
  expect(response.status).toBe(200);
  await response.text();
});

describe("a request is refused with one clear line", () => {
  test.each<[string, unknown, RegExp, string | null]>([
    ["that is no JSON", "{prompt: 1}", /the body is not JSON/, null],
    ["that is empty", "", /the body is not JSON/, null],
    ["that is no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), /the body is not UTF-8/, null],
    ["that is a list", "[]", /the body is an empty list; expected an object/, null],
    ["that is null", "null", /the body is null/, null],
    ["that is nested deeply", `${"[".repeat(9000)}${"]".repeat(9000)}`, /the body is a list/, null],
    ["with a deep field", `{"prompt":${"[".repeat(9000)}${"]".repeat(9000)}}`, /prompt holds a list/, "prompt"],
    ["without prompt", {}, /prompt is missing/, "prompt"],
    ["with a prompt of null", { prompt: null }, /prompt is missing/, "prompt"],
    ["with a number for a prompt", { prompt: 7 }, /prompt is 7; expected a text/, "prompt"],
    ["with no prompts", { prompt: [] }, /prompt is an empty list/, "prompt"],
    ["with mixed prompts", { prompt: ["a", 1] }, /prompt holds 1/, "prompt"],
    ["with an id outside the vocabulary", { prompt: [1, 280] }, /token id 280 is not in the vocabulary/, null],
    ["with an id that is no whole number", { prompt: [[1.5]] }, /token id 1\.5/, null],
    ["with a long prompt", { prompt: "dog cat ".repeat(60) }, /prompt has more than 100 tokens/, "prompt"],
    ["with a very long prompt", { prompt: "x".repeat(19_000) }, /prompt has more than 100 tokens/, "prompt"],
    [
      "with long prompts together",
      { prompt: ["a b c d ".repeat(16), "a b c d ".repeat(16)] },
      /more than 100/,
      "prompt",
    ],
    ["with many prompts", { prompt: Array(5).fill("a") }, /n is 1 for 5 prompts; at most 4 texts/, "n"],
    ["with a huge n", { prompt, n: 1e300 }, /n is 1e\+300 .*at most 4/, "n"],
    ["with n of 0", { prompt, n: 0 }, /^n is 0; it must be a whole number/, "n"],
    ["with a broken n", { prompt, n: 1.5 }, /^n is 1\.5/, "n"],
    ["with too many tokens", { prompt, max_tokens: 51 }, /max_tokens is 51; at most 50/, "max_tokens"],
    ["with tokens below 0", { prompt, max_tokens: -1 }, /max_tokens is -1/, "max_tokens"],
    [
      "with a text for a number",
      { prompt, temperature: "hot" },
      /temperature is "hot"; expected a number/,
      "temperature",
    ],
    ["with a temperature below 0", { prompt, temperature: -0.1 }, /temperature is -0\.1/, "temperature"],
    ["with top_p above 1", { prompt, top_p: 2 }, /top_p is 2/, "top_p"],
    ["with a broken top_k", { prompt, top_k: 1.5 }, /top_k is 1\.5/, "top_k"],
    ["with min_p above 1", { prompt, min_p: 2 }, /min_p is 2/, "min_p"],
    ["with a penalty of 0", { prompt, repetition_penalty: 0 }, /repetition_penalty is 0/, "repetition_penalty"],
    ["with a seed below 0", { prompt, seed: -1 }, /seed is -1/, "seed"],
    ["with seeds beyond the last", { prompt, seed: 2 ** 32 - 1, n: 2 }, /n is 2, which from seed/, "n"],
    ["with five stops", { prompt, stop: ["a", "b", "c", "d", "e"] }, /stop has 5 texts; at most 4/, "stop"],
    ["with an empty stop", { prompt, stop: "" }, /stop has a text of 0 characters/, "stop"],
    ["with a long stop", { prompt, stop: "a".repeat(257) }, /stop has a text of 257/, "stop"],
    ["with a stop that is no text", { prompt, stop: [{}] }, /stop is an object/, "stop"],
    ["with many logprobs", { prompt, logprobs: 6 }, /logprobs is 6; .*0 to 5/, "logprobs"],
    ["with true for logprobs", { prompt, logprobs: true }, /logprobs is true; expected a number/, "logprobs"],
    ["with 1 for stream", { prompt, stream: 1 }, /stream is 1; expected true or false/, "stream"],
    ["with options of no stream", { prompt, stream_options: {} }, /stream_options is given without/, "stream_options"],
    [
      "with broken stream options",
      { prompt, stream: true, stream_options: { include_usage: 1 } },
      /of another form/,
      "stream_options",
    ],
    [
      "with a penalty that is not supported",
      { prompt, presence_penalty: 0.5 },
      /presence_penalty is 0\.5, which is not supported/,
      "presence_penalty",
    ],
    ["with a bias", { prompt, logit_bias: { 50256: -100 } }, /logit_bias is an object, which is not/, "logit_bias"],
    ["with a suffix", { prompt, suffix: "end" }, /suffix is "end"/, "suffix"],
    ["with best_of", { prompt, n: 2, best_of: 3 }, /best_of is 3/, "best_of"],
    ["with messages", { messages: [] }, /messages is not known; known are model, prompt/, "messages"],
    ["with a prototype", '{"prompt":"a","__proto__":{"n":2}}', /__proto__ is not known/, "__proto__"],
    ["with a long name", { prompt, ["x".repeat(5000)]: 1 }, /^x{80} is not known/, "x".repeat(80)],
  ])("%s", async (_, body, message, param) => {
    const error = await errorOf(await post(url, body));
    expect(error).toEqual({
      status: 400,
      message: expect.stringMatching(message),
      type: "invalid_request_error",
      param,
      code: null,
    });
    expect(String(error.message).length).toBeLessThan(400);
  });

  test("with neutral values of what is not supported it is taken", async () => {
    const body = {
      prompt,
      max_tokens: 1,
      n: 2,
      best_of: 2,
      suffix: "",
      logit_bias: {},
      presence_penalty: 0,
      stop: null,
    };
    expect((await post(url, { ...body, frequency_penalty: 0, stream: null, logprobs: null, user: "me" })).status).toBe(
      200,
    );
  });

  test("that is too large, announced or not", async () => {
    const body = JSON.stringify({ prompt, user: "x".repeat(30_000) });
    expect(await errorOf(await post(url, body))).toMatchObject({
      status: 413,
      message: expect.stringMatching(/20000 bytes/),
    });
    const chunks = new Blob([body]).stream();
    const sent = post(url, "", { body: chunks, duplex: "half" } as RequestInit);
    expect((await sent).status).toBe(413);
  });

  test.each([
    "GET /v1/completions",
    "POST /v1/chat/completions",
    "GET /",
    "DELETE /v1/models/stories",
    "GET /v1/models/%00",
  ])("that asks for %s", async (line) => {
    const [method, path] = line.split(" ");
    expect(await errorOf(await fetch(url + path, { method }))).toMatchObject({
      status: 404,
      type: "invalid_request_error",
    });
  });
});

/** Sends raw bytes and gives what comes back until the server closes the connection. */
function raw(bytes: string, end = false): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.on("error", () => {}).on("close", () => resolve(answer));
    if (end) socket.end(bytes);
    else socket.write(bytes);
  });
}

describe("a connection is closed", () => {
  const start = "POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  test.each<[string, string, RegExp]>([
    ["that sends no HTTP", "\x16\x03\x01\x02\x00\x01\x00", /^HTTP\/1\.1 400/],
    ["that sends half of its headers", start, /^HTTP\/1\.1 408/],
    ["that sends half of its body", `${start}Content-Length: 100\r\n\r\n{"prompt"`, /^HTTP\/1\.1 408/],
    ["that sends headers without end", `${start}X: ${"x".repeat(20_000)}\r\n`, /^HTTP\/1\.1 431/],
    ["that gives two lengths", `${start}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`, /^HTTP\/1\.1 400/],
    ["that says nothing", "", /^HTTP\/1\.1 408|^$/],
  ])("%s", async (_, bytes, answer) => {
    expect(await raw(bytes)).toMatch(answer);
  });

  test("after a request that ends before its body does", async () => {
    expect(await raw(`${start}Content-Length: 100\r\n\r\n{"prompt"`, true)).not.toMatch(/^HTTP\/1\.1 (200|500)/);
  });

  test("whose client has sent all and reads on, after its answer", async () => {
    const body = JSON.stringify({ prompt, max_tokens: 3 });
    const answer = await raw(`${start}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`, true);
    expect(answer === "" || answer.startsWith("HTTP/1.1 200")).toBe(true);
  });
});

test("a connection on which nothing moves is closed, also in the middle of a request, whose place is then free", async () => {
  const endless = { prompt, max_tokens: 1_000_000, temperature: 0 };
  const limits = { maxTokens: endless.max_tokens, sessions: 1, queue: 1 };
  const { url } = await serve(model, { limits, connection: { idleTimeout: 200 } });
  const leaving = new AbortController();
  // its pieces are read as they come
  const first = (await post(url, { ...endless, stream: true }, { signal: leaving.signal })).text();
  const refused = expect(first).rejects.toThrow();
  await expect(post(url, endless)).rejects.toThrow();
  const health = await (await fetch(`${url}/healthz`)).json();
  expect(health).toMatchObject({ growing: 1, waiting: 0 });
  leaving.abort();
  await refused;
  await idle(url);
});

test("many that leave in the middle leave nothing behind", async () => {
  const body = JSON.stringify({ prompt, max_tokens: 50, n: 4, stream: true });
  for (let i = 0; i < 40; i++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(`POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await new Promise((resolve) => socket.once(i % 2 === 0 ? "connect" : "data", resolve));
    socket.resetAndDestroy();
  }
  await idle(url);
});
