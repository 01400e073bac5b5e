import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { HTTPException } from "hono/http-exception";
import { BusyError, OptionError } from "../engine/errors.ts";
import type { Model } from "../inference/model.ts";
import { ApiError, unknownModel } from "./api-error.ts";
import { optionRefusal } from "./completion-request.ts";
import { answerCompletion } from "./completion-route.ts";
import { fileResponse, MODEL_PATH, type ServedFiles } from "./files.ts";
import { hostGuard, originGuard, tokenGuard } from "./guards.ts";
import { type Limits, parseLimits } from "./limits.ts";
import { WorkInHand } from "./work-in-hand.ts";

/** How a model is served. */
export interface AppOptions {
  /** What clients call the model; by default "thunderbolt". */
  readonly name?: string;
  /** What it takes on; those left out are as in `thunderbolt serve`. */
  readonly limits?: Partial<Limits>;
  /** What clients must know, as `Authorization: Bearer <token>`; by default nothing. */
  readonly token?: string;
  /** An origin whose pages may use the server, or "*"; by default none but its own. */
  readonly cors?: string;
  /** The names by which it may be called (DNS rebinding gives it others); by default any. */
  readonly hosts?: readonly string[];
  /** The page, and the model for it; by default neither. */
  readonly files?: ServedFiles;
  /** Ends the work on all requests when it aborts. */
  readonly stopping?: AbortSignal;
  /** Called with what should not have happened. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * The HTTP interface of a model: OpenAI's completions, and the page. It uses no API of Node's.
 *
 * @throws NotCausalError for a model with `headNorm: "window"`; OptionError for a limit out of its range.
 */
export function createApp(model: Model, options: AppOptions = {}): Hono {
  const { name = "thunderbolt", token, stopping, files, onFault } = options;
  const limits = parseLimits(options.limits ?? {});
  const works = new WorkInHand(limits.timeout);
  stopping?.addEventListener("abort", () => works.endAll());
  const scheduler = model.scheduler({ places: limits.sessions, waiting: limits.queue });
  const listed = { id: name, object: "model", created: Math.floor(Date.now() / 1000), owned_by: "thunderbolt" };
  const told = (error: unknown): ApiError => {
    if (error instanceof ApiError) return error;
    if (error instanceof OptionError) return optionRefusal(error);
    if (error instanceof BusyError) return new ApiError(429, error.message, { code: "busy" });
    onFault?.(error);
    return new ApiError(500, "the server failed at this request");
  };
  const completer = { scheduler, name, tokenizer: model.tokenizer, limits, works, told };

  const app = new Hono();
  if (options.hosts) app.use(hostGuard(options.hosts));
  if (options.cors !== undefined) app.use("/v1/*", cors({ origin: options.cors }));
  app.use("/v1/*", originGuard(options.cors));
  if (token !== undefined) app.use("/v1/*", tokenGuard(token)).use(MODEL_PATH, tokenGuard(token));
  const limit = bodyLimit({
    maxSize: limits.maxBody,
    onError: () => {
      throw new ApiError(413, `the body has more than ${limits.maxBody} bytes, the most that are read here`);
    },
  });

  app.post("/v1/completions", limit, (c) => answerCompletion(c, completer));
  app.get("/v1/models", (c) => c.json({ object: "list", data: [listed] }));
  app.get("/v1/models/:id", (c) => {
    const id = c.req.param("id");
    if (id !== name) throw unknownModel(id, name);
    return c.json(listed);
  });
  app.get("/healthz", (c) => c.json({ status: "ok", growing: scheduler.growing, waiting: scheduler.waiting }));
  app.get("*", async (c, next) => {
    const file = files?.get(c.req.path);
    return file ? fileResponse(file, c.req.header("if-none-match")) : next();
  });
  app.notFound((c) => {
    const message = `there is no ${c.req.method} ${c.req.path.slice(0, 80)}; there are POST /v1/completions, GET /v1/models and GET /healthz`;
    return c.json(new ApiError(404, message).body, 404);
  });
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    const { body, status } = told(error);
    if (status === 429) c.header("retry-after", "1");
    // the rest of the body is still on its way
    if (status === 413) c.header("connection", "close");
    return c.json(body, status);
  });
  return app;
}
