import { Hono } from "hono";
import { afterAll, describe, expect, test } from "vitest";
import { createApp } from "../../src/server.ts";
import { collect, randomModel } from "../text-model.ts";

const model = randomModel();
afterAll(() => model.dispose());
const app = createApp(model, { limits: { maxTokens: 50 } });
const asked = { prompt: "The dog", max_tokens: 20, seed: 3 };
const { text } = await collect(model.generate("The dog", { maxTokens: 20, seed: 3 }));

/** The answer of an app to a request for a completion. */
async function ask({ fetch }: Pick<Hono, "fetch">, path: string, body: object) {
  const request = new Request(`http://localhost${path}`, { method: "POST", body: JSON.stringify(body) });
  const response = await fetch(request);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe.each([
  ["alone", app, "/v1/completions"],
  ["mounted under a path", new Hono().mount("/llm", app.fetch), "/llm/v1/completions"],
  ["as a route of another app", new Hono().route("/", app), "/v1/completions"],
])("the app of thunderbolt-lm/server, %s", (_, host, path) => {
  test("gives the text of generate under a name of its own", async () => {
    const { status, body } = await ask(host, path, asked);
    expect({ status, body }).toMatchObject({ status: 200, body: { model: "thunderbolt", choices: [{ text }] } });
  });

  test("keeps its limits, and says so in OpenAI's form", async () => {
    const { status, body } = await ask(host, path, { ...asked, max_tokens: 51 });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ type: "invalid_request_error", param: "max_tokens" });
  });
});

test("createApp refuses a limit out of its range", () => {
  expect(() => createApp(model, { limits: { queue: -1 } })).toThrow(/^queue is -1; it must be/);
});
