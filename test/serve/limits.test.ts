import { expect, test } from "vitest";
import { parseLimits } from "../../src/serve/limits.ts";
import { WorkInHand } from "../../src/serve/work-in-hand.ts";
import { collect, randomModel } from "../text-model.ts";
import { errorOf, idle, post, serve } from "./harness.ts";

const model = randomModel({ activations: "int8" });
/** Goes on until it is stopped. */
const endless = { prompt: "Once upon a time", max_tokens: 1_000_000, temperature: 0 };
const patient = { maxTokens: 1_000_000 };

test("beyond the sessions and the queue clients are told to come again", async () => {
  const { url } = await serve(model, { limits: { ...patient, sessions: 2, queue: 1 } });
  const leaving = new AbortController();
  const { signal } = leaving;
  const streams = await Promise.all([1, 2].map(() => post(url, { ...endless, stream: true }, { signal })));
  const waiting = post(url, { prompt: "The dog", max_tokens: 5, seed: 2 });
  for (let seen = 0; seen === 0; ) {
    seen = ((await (await fetch(`${url}/healthz`)).json()) as { waiting: number }).waiting;
  }
  const refused = await post(url, { prompt: "Mom" });
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(await errorOf(refused)).toMatchObject({ status: 429, code: "busy", type: "rate_limit_error" });
  expect(streams.map(({ status }) => status)).toEqual([200, 200]);
  leaving.abort();
  const { choices } = (await (await waiting).json()) as { choices: { text: string }[] };
  expect(choices[0].text).toBe((await collect(model.generate("The dog", { maxTokens: 5, seed: 2 }))).text);
  await idle(url);
});

test("work ends when its time is up, when the client has gone and when the server stops", async () => {
  const begun = (works: WorkInHand, client = new AbortController()) => {
    const work = new AbortController();
    const done = works.begin(work, client.signal);
    return { work: work.signal, client, done };
  };
  const slow = begun(new WorkInHand(0.01)).work;
  await new Promise((resolve) => slow.addEventListener("abort", resolve));
  expect(slow.reason).toMatchObject({ status: 503, code: "timeout", message: "the request took more than 0.01 s" });

  const works = new WorkInHand(100);
  const [left, finished, stopped] = [begun(works), begun(works), begun(works)];
  left.client.abort();
  expect(left.work.reason).toMatchObject({ code: "client_gone" });
  expect(begun(works, left.client).work.aborted).toBe(true);
  finished.done();
  works.endAll();
  expect(finished.work.aborted).toBe(false);
  expect(stopped.work.reason).toMatchObject({ status: 503, code: "shutting_down" });
});

test("a server that stops lets texts end, tells those that do not, and takes no more", async () => {
  const stopping = new AbortController();
  const server = await serve(model, { stopping: stopping.signal, limits: patient });
  const { url } = server;
  const whole = post(url, { ...endless });
  const stream = await post(url, { ...endless, stream: true });
  const growingTexts = async () => ((await (await fetch(`${url}/healthz`)).json()) as { growing: number }).growing;
  while ((await growingTexts()) < 2);
  let ended = false;
  const short = post(url, { prompt: "The dog", max_tokens: 200 }).finally(() => {
    ended = true;
  });
  // it may be done before anybody sees it grow
  while (!ended && (await growingTexts()) < 3);
  const closed = server.close(1, () => stopping.abort());
  expect((await short).status).toBe(200);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  expect(await errorOf(await whole)).toMatchObject({ status: 503, code: "shutting_down", type: "server_error" });
  const events = (await stream.text()).trimEnd().split("\n\n");
  const told = JSON.parse(events[events.length - 1].slice("data: ".length));
  expect(told).toEqual({ error: expect.objectContaining({ code: "shutting_down" }) });
  await closed;
});

test.each([
  [{ sessions: 0 }, /sessions is 0/],
  [{ queue: -1 }, /queue is -1/],
  [{ maxBody: 1.5 }, /maxBody is 1\.5/],
  [{ timeout: Number.NaN }, /timeout is NaN; it must be a whole number from 1 to 86400/],
])("limits out of range are refused: %o", (limits, message) => {
  expect(() => parseLimits(limits)).toThrow(message);
});
