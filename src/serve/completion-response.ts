import type { FinishReason } from "../inference/continuation.ts";
import type { ScheduledPiece } from "../inference/scheduler.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { CompletionRequest } from "./completion-request.ts";
import { type Logprobs, LogprobsWriter } from "./logprobs.ts";

/** One text, or in a stream a stretch of it. */
interface Choice {
  text: string;
  readonly index: number;
  logprobs: Logprobs | null;
  finish_reason: "stop" | "length" | null;
}

/** How many tokens a request took. */
interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** What /v1/completions answers, at once or in chunks, in OpenAI's form. */
export interface Completion {
  readonly id: string;
  readonly object: "text_completion";
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly choices: readonly Choice[];
  readonly usage?: Usage | null;
}

/** The answer in chunks, one for each piece of a text, and a last one without choices that tells the usage. */
export async function* completionChunks(
  { prompts, options, echo, includeUsage }: CompletionRequest,
  pieces: AsyncIterable<ScheduledPiece>,
  tokenizer: Tokenizer,
  model: string,
): AsyncGenerator<Completion, void, undefined> {
  const created = Math.floor(Date.now() / 1000);
  const head = { id: `cmpl-${crypto.randomUUID()}`, object: "text_completion", created, model } as const;
  const writers = new Map<number, LogprobsWriter>();
  const tokens = new Map<number, number>();
  for await (const { index, text, tokens: soFar, scores, promptScores = [], finishReason } of pieces) {
    const first = !tokens.has(index);
    tokens.set(index, soFar);
    const prompt = echo && first ? tokenizer.decode(prompts[Math.floor(index / options.count)]) : "";
    if (first && scores) writers.set(index, new LogprobsWriter(tokenizer));
    const choice: Choice = {
      text: prompt + text,
      index,
      logprobs: (scores && writers.get(index)?.write(first ? [...promptScores, ...scores] : scores)) ?? null,
      finish_reason: finishReason ? reasons[finishReason] : null,
    };
    yield { ...head, choices: [choice], ...(includeUsage && { usage: null }) };
  }
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((a, b) => a + b, 0);
  const [read, written] = [sum(prompts.map(({ length }) => length)), sum(tokens.values())];
  const usage = { prompt_tokens: read, completion_tokens: written, total_tokens: read + written };
  yield { ...head, choices: [], usage };
}

const reasons = { eos: "stop", stop: "stop", length: "length" } as const satisfies Record<FinishReason, string>;

/** The answer at once. */
export async function wholeCompletion(chunks: AsyncIterable<Completion>): Promise<Completion | undefined> {
  const choices: Choice[] = [];
  let last: Completion | undefined;
  for await (const chunk of chunks) {
    for (const part of chunk.choices) {
      const whole = choices[part.index];
      if (whole) extend(whole, part);
      else choices[part.index] = part;
    }
    last = chunk;
  }
  return last && { ...last, choices };
}

function extend(whole: Choice, { text, logprobs, finish_reason }: Choice): void {
  whole.text += text;
  whole.finish_reason = finish_reason;
  if (!whole.logprobs || !logprobs) return;
  whole.logprobs.tokens.push(...logprobs.tokens);
  whole.logprobs.token_logprobs.push(...logprobs.token_logprobs);
  whole.logprobs.top_logprobs.push(...logprobs.top_logprobs);
  whole.logprobs.text_offset.push(...logprobs.text_offset);
}
