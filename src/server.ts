/** thunderbolt-lm/server: what `thunderbolt serve` answers with, to be mounted anywhere. It uses no API of Node's. */
import type { Hono } from "hono";
// By the package's name: a class that is declared in the types of both entries is two to TypeScript. So that
// api-extractor does not take it in, api-extractor.server.json resolves as before packages knew their own names.
import type { Model } from "thunderbolt-lm";
import { type AppOptions, createApp as create } from "./serve/app.ts";

export type { AppOptions } from "./serve/app.ts";
export type { ServedFile, ServedFiles } from "./serve/files.ts";
export type { Limits } from "./serve/limits.ts";

/**
 * The HTTP interface of a model as a Hono app: `POST /v1/completions` and `GET /v1/models` as OpenAI has them, and
 * `GET /healthz`. Its `fetch` takes a Request and gives a Response, as Deno.serve, Bun.serve and workers at the edge ask
 * for; in an app of Hono's, `app.mount(path, createApp(model).fetch)` puts it under a path.
 *
 * @throws NotCausalError for a model with `headNorm: "window"`; OptionError for a limit out of its range.
 */
export function createApp(model: Model, options: AppOptions = {}): Hono {
  return create(model, options);
}
