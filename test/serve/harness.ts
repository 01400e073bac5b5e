import { afterAll } from "vitest";
import type { Model } from "../../src/inference/model.ts";
import { type AppOptions, createApp } from "../../src/serve/app.ts";
import { type ConnectionLimits, type Listener, listen } from "../../src/serve/node/listen.ts";

/** How a server of a test differs from the usual one. */
export interface ServerOptions extends AppOptions {
  readonly connection?: Partial<ConnectionLimits>;
}

/** A server on a free port, which is closed after the tests of a file. What should not happen fails the test run. */
export async function serve(model: Model, { connection, ...options }: ServerOptions = {}): Promise<Listener> {
  const onFault = (error: unknown) => {
    throw error;
  };
  const app = createApp(model, { name: "stories", onFault, ...options });
  const server = await listen(app, "127.0.0.1", 0, connection);
  afterAll(() => server.close(0, () => {}));
  return server;
}

/** Asks for a completion. */
export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const content = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return fetch(`${url}/v1/completions`, { method: "POST", body: content as BodyInit, ...init });
}

/** The error of a response in OpenAI's form. */
export async function errorOf(response: Response): Promise<Record<string, unknown>> {
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  return { status: response.status, ...error };
}

/** Waits until all texts of a server have ended, or been given up. */
export async function idle(url: string): Promise<void> {
  for (;;) {
    const health = (await (await fetch(`${url}/healthz`)).json()) as { growing: number; waiting: number };
    if (health.growing + health.waiting === 0) return;
  }
}
