import type { Context } from "hono";
import type { Scheduler } from "../inference/scheduler.ts";
import { ApiError } from "./api-error.ts";
import { parseCompletionRequest, type Served } from "./completion-request.ts";
import { type Completion, completionChunks, wholeCompletion } from "./completion-response.ts";
import { eventStream } from "./event-stream.ts";
import type { WorkInHand } from "./work-in-hand.ts";

/** What answers need beside the request. */
export interface Completer extends Served {
  readonly scheduler: Scheduler;
  readonly works: WorkInHand;
  /** What a client is told of an error. */
  readonly told: (error: unknown) => ApiError;
}

/** Answers a request to /v1/completions, at once or as a stream. @throws ApiError before anything is sent. */
export async function answerCompletion(c: Context, completer: Completer): Promise<Response> {
  const { scheduler, name, tokenizer, works, told } = completer;
  const request = parseCompletionRequest(await readJson(c.req.raw), completer);
  const work = new AbortController();
  const pieces = scheduler.generate(request.prompts, { ...request.options, signal: work.signal });
  const done = works.begin(work, c.req.raw.signal);
  const chunks = completionChunks(request, pieces, tokenizer, name);
  if (!request.stream) {
    try {
      return c.json(await wholeCompletion(chunks));
    } finally {
      done();
    }
  }
  const sent = sending(chunks, request.includeUsage, done);
  const stream = eventStream(
    sent,
    (error) => told(error).body,
    () => work.abort(),
  );
  return new Response(stream, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}

/** The chunks that a stream sends: of a usage that nobody asked for, none. */
async function* sending(
  chunks: AsyncIterable<Completion>,
  includeUsage: boolean,
  done: () => void,
): AsyncGenerator<Completion, void, undefined> {
  try {
    for await (const chunk of chunks) if (includeUsage || chunk.choices.length > 0) yield chunk;
  } finally {
    done();
  }
}

const strict = new TextDecoder("utf-8", { fatal: true });

/** @throws ApiError for a body that does not arrive, is not UTF-8 or not JSON. */
async function readJson(request: Request): Promise<unknown> {
  let bytes: ArrayBuffer;
  try {
    bytes = await request.arrayBuffer();
  } catch {
    throw new ApiError(400, "the body did not arrive whole");
  }
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch {
    throw new ApiError(400, "the body is not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `the body is not JSON (${(error as Error).message.slice(0, 200)})`);
  }
}
