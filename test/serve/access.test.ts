import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { randomModel } from "../text-model.ts";
import { errorOf, post, serve } from "./harness.ts";

const model = randomModel();

/** The status of a request with headers that fetch would not send. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

test("a server on this machine answers for its own names alone", async () => {
  const { url } = await serve(model, { hosts: ["localhost", "127.0.0.1"] });
  const { port } = new URL(url);
  for (const [host, status] of [
    [`127.0.0.1:${port}`, 200],
    [`localhost:${port}`, 200],
    ["LOCALHOST", 200],
    ["evil.example", 403],
    [`evil.example:${port}`, 403],
    ["127.0.0.1.evil.example", 403],
    ["[::1]", 403],
  ] as const) {
    for (const path of ["/healthz", "/v1/models", "/"]) {
      const expected = path === "/" && status === 200 ? 404 : status;
      expect(await statusOf(url + path, { host }), `${host} ${path}`).toBe(expected);
    }
  }
});

describe("pages of other origins", () => {
  const body = { prompt: "Once", max_tokens: 1 };
  const from = (origin: string) => ({ headers: { origin } });

  test("may not use a server, and are told so", async () => {
    const { url } = await serve(model);
    for (const origin of ["http://evil.example", "null", "http://127.0.0.1:1"]) {
      const response = await post(url, body, from(origin));
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
      expect(await errorOf(response)).toMatchObject({ status: 403, message: expect.stringMatching(/--cors/) });
      expect((await fetch(`${url}/v1/completions`, { method: "OPTIONS", ...from(origin) })).status).toBe(403);
    }
    expect((await post(url, body, from(url))).status).toBe(200);
  });

  test("may if that one is allowed", async () => {
    const { url } = await serve(model, { cors: "http://good.example", token: "secret" });
    const preflight = await fetch(`${url}/v1/completions`, {
      method: "OPTIONS",
      headers: {
        origin: "http://good.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("http://good.example");
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/authorization/);
    const headers = { origin: "http://good.example", authorization: "Bearer secret" };
    for (const asked of [body, { ...body, stream: true }, { prompt: 7 }]) {
      const response = await post(url, asked, { headers });
      expect(response.headers.get("access-control-allow-origin")).toBe("http://good.example");
      await response.text();
    }
    expect((await post(url, body, { headers: { ...headers, origin: "http://evil.example" } })).status).toBe(403);
  });

  test("may if all are allowed", async () => {
    const { url } = await serve(model, { cors: "*" });
    const response = await post(url, body, from("http://any.example"));
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
  });
});

test("a token is asked for, of all that costs something", async () => {
  const bytes = new Uint8Array(3);
  const files = new Map(["/", "/model.thunderbolt"].map((path) => [path, { bytes, type: "text/plain", etag: "x" }]));
  const { url } = await serve(model, { token: "a.long-secret_token", files });
  const status = async (path: string, authorization?: string) =>
    (await fetch(url + path, authorization === undefined ? {} : { headers: { authorization } })).status;
  for (const path of ["/v1/models", "/v1/models/stories", "/v1/none", "/model.thunderbolt"]) {
    expect(await status(path)).toBe(401);
    expect(await status(path, "Bearer a.long-secret_tokem")).toBe(401);
    expect(await status(path, "Bearer a.long")).toBe(401);
    expect(await status(path, "Basic a.long-secret_token")).toBe(400);
    expect(await status(path, "Bearer a.long-secret_token")).toBe(path === "/v1/none" ? 404 : 200);
  }
  expect(await status("/healthz")).toBe(200);
  expect(await status("/")).toBe(200);
  const refused = await post(url, { prompt: "Once" });
  expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
  expect(await errorOf(refused)).toMatchObject({ status: 401, code: "invalid_api_key", type: "invalid_request_error" });
});
