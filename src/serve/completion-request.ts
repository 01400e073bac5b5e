import type { OptionError } from "../engine/errors.ts";
import type { ScheduleOptions } from "../inference/scheduler.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { ApiError, unknownModel } from "./api-error.ts";
import type { Limits } from "./limits.ts";

/** What a client asks of /v1/completions. */
export interface CompletionRequest {
  /** The token ids of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  readonly options: ScheduleOptions & { readonly count: number };
  /** Whether each text begins with its prompt. */
  readonly echo: boolean;
  readonly stream: boolean;
  /** Whether a stream tells at its end how many tokens it took. */
  readonly includeUsage: boolean;
}

/** OpenAI's and our names for what only the library checks. */
const libraryNames = {
  max_tokens: "maxTokens",
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  min_p: "minP",
  repetition_penalty: "repetitionPenalty",
  seed: "seed",
  n: "count",
} as const;

/** Fields of OpenAI's that are taken at the value at which they change nothing. */
const neutral: Record<string, (value: unknown, fields: ReadonlyMap<string, unknown>) => boolean> = {
  presence_penalty: (value) => value === 0,
  frequency_penalty: (value) => value === 0,
  best_of: (value, fields) => value === (fields.get("n") ?? 1),
  suffix: (value) => value === "",
  logit_bias: (value) => typeof value === "object" && value !== null && Object.keys(value).length === 0,
};

const others = ["model", "prompt", "stop", "echo", "logprobs", "stream", "stream_options", "user"];
const known = [...others, ...Object.keys(libraryNames), ...Object.keys(neutral)];

const MAX_STOPS = 4;
/** Characters. */
const MAX_STOP = 256;
const MAX_LOGPROBS = 5;

/** What a request is checked against. */
export interface Served {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly limits: Limits;
}

/**
 * Reads the body of a request. What is missing or null is as in `thunderbolt generate`, but for the seed, which is drawn.
 * Ranges of what the library checks are left to it: see {@link optionRefusal}.
 *
 * @throws ApiError naming the first field that is unknown, of the wrong type, or more than this server takes on.
 */
export function parseCompletionRequest(body: unknown, { name, tokenizer, limits }: Served): CompletionRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError(400, `the body is ${show(body)}; expected an object such as {"prompt": "Once upon a time"}`);
  }
  const fields = new Map<string, unknown>(Object.entries(body).filter(([, value]) => value !== null));
  for (const [field, value] of fields) {
    if (!known.includes(field)) throw refusal(field, `is not known; known are ${known.join(", ")}`);
    if (neutral[field]?.(value, fields) === false) {
      throw refusal(field, `is ${show(value)}, which is not supported; leave it out`);
    }
  }
  const flag = (field: string): boolean => {
    const value = fields.get(field) ?? false;
    if (typeof value !== "boolean") throw refusal(field, `is ${show(value)}; expected true or false`);
    return value;
  };
  const number = (field: string): number | undefined => {
    const value = fields.get(field);
    if (value !== undefined && typeof value !== "number") throw refusal(field, `is ${show(value)}; expected a number`);
    return value;
  };

  const model = fields.get("model") ?? name;
  if (model !== name) throw unknownModel(show(model), name);
  const prompts = listPrompts(fields.get("prompt"));
  const count = number("n") ?? 1;
  if (prompts.length * count > limits.maxTexts) {
    throw refusal("n", `is ${count} for ${prompts.length} prompts; at most ${limits.maxTexts} texts are given at once`);
  }
  const maxTokens = number("max_tokens") ?? Math.min(256, limits.maxTokens);
  if (maxTokens > limits.maxTokens)
    throw refusal("max_tokens", `is ${maxTokens}; at most ${limits.maxTokens} are given`);
  const logprobs = number("logprobs");
  if (logprobs !== undefined && !(Number.isInteger(logprobs) && logprobs >= 0 && logprobs <= MAX_LOGPROBS)) {
    throw refusal("logprobs", `is ${logprobs}; it must be a whole number from 0 to ${MAX_LOGPROBS}`);
  }
  const numbers = Object.entries(libraryNames).map(([field, option]) => [option, number(field)]);
  const echo = flag("echo");
  const stream = flag("stream");
  return {
    prompts: encodePrompts(prompts, tokenizer, limits.maxPrompt),
    options: {
      ...Object.fromEntries(numbers.filter(([, value]) => value !== undefined)),
      count,
      maxTokens,
      seed: number("seed") ?? randomSeed(count),
      stop: readStops(fields.get("stop")),
      ...(logprobs !== undefined && { alternatives: logprobs, scorePrompts: echo }),
    },
    echo,
    stream,
    includeUsage: readStreamOptions(fields.get("stream_options"), stream),
  };
}

/** What a client is told of an option that the library refused: the message calls it by the library's name. */
export function optionRefusal({ message }: OptionError): ApiError {
  for (const [field, option] of Object.entries(libraryNames)) {
    if (message.startsWith(`${option} is `)) return refusal(field, message.slice(option.length + 1));
  }
  return new ApiError(400, message);
}

type PromptField = string | readonly number[];

/** One prompt or several, each a text or the ids of its tokens. */
function listPrompts(value: unknown): readonly PromptField[] {
  if (value === undefined) throw refusal("prompt", "is missing; expected a text");
  const isPrompt = (some: unknown): some is PromptField =>
    typeof some === "string" || (Array.isArray(some) && some.every((id) => typeof id === "number"));
  if (value === "" || (isPrompt(value) && value.length > 0)) return [value];
  if (!Array.isArray(value) || value.length === 0) throw refusal("prompt", `is ${show(value)}; expected a text`);
  for (const some of value) {
    if (!isPrompt(some)) throw refusal("prompt", `holds ${show(some)}; expected texts, or lists of token ids`);
  }
  return value;
}

function encodePrompts(
  prompts: readonly PromptField[],
  tokenizer: Tokenizer,
  most: number,
): readonly (readonly number[])[] {
  let left = most;
  return prompts.map((prompt) => {
    // a text that is too long by far is not looked at: encoding takes its time
    const short = typeof prompt !== "string" || prompt.length <= left * tokenizer.longestToken;
    const ids = !short ? undefined : typeof prompt === "string" ? tokenizer.encode(prompt) : prompt;
    if (!ids || ids.length > left) throw refusal("prompt", `has more than ${most} tokens, the most that are read here`);
    left -= ids.length;
    return ids;
  });
}

function readStops(value: unknown): readonly string[] {
  const stops = value === undefined ? [] : Array.isArray(value) ? value : [value];
  if (stops.length > MAX_STOPS) throw refusal("stop", `has ${stops.length} texts; at most ${MAX_STOPS} are taken`);
  for (const stop of stops) {
    if (typeof stop !== "string") throw refusal("stop", `is ${show(stop)}; expected a text or a list of texts`);
    if (stop === "" || stop.length > MAX_STOP) {
      throw refusal("stop", `has a text of ${stop.length} characters; expected 1 to ${MAX_STOP}`);
    }
  }
  return stops;
}

function readStreamOptions(value: unknown, stream: boolean): boolean {
  if (value === undefined) return false;
  if (!stream) throw refusal("stream_options", "is given without stream; it is for streams alone");
  const usage = typeof value === "object" && value !== null && "include_usage" in value ? value.include_usage : false;
  if (typeof value !== "object" || typeof usage !== "boolean") {
    throw refusal("stream_options", 'is of another form; expected {"include_usage": true}');
  }
  return usage;
}

function randomSeed(count: number): number {
  return Math.floor(Math.random() * (2 ** 32 - count));
}

function refusal(field: string, what: string): ApiError {
  const name = field.slice(0, 80);
  return new ApiError(400, `${name} ${what}`, { param: name });
}

/** A value from outside, short and never looked into: it may be nested as deeply as its sender liked. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
