import { OptionError } from "../engine/errors.ts";

/** What a server takes on, from one client and from all. */
export interface Limits {
  /** Bytes of a request's body. */
  readonly maxBody: number;
  /** Tokens of a request's prompts together. */
  readonly maxPrompt: number;
  /** Tokens of a text, `max_tokens`. */
  readonly maxTokens: number;
  /** Texts of a request: its prompts times `n`. */
  readonly maxTexts: number;
  /** Texts of all clients that grow at a time; the others wait. */
  readonly sessions: number;
  /** Texts that may wait; a request for more is refused with 429. */
  readonly queue: number;
  /** Seconds for a request. */
  readonly timeout: number;
}

const limits: Record<keyof Limits, { readonly usual: number; readonly low: number; readonly high: number }> = {
  maxBody: { usual: 2 ** 20, low: 1, high: 2 ** 28 },
  maxPrompt: { usual: 8192, low: 1, high: 2 ** 24 },
  maxTokens: { usual: 4096, low: 1, high: 2 ** 24 },
  maxTexts: { usual: 32, low: 1, high: 1024 },
  sessions: { usual: 64, low: 1, high: 1024 },
  queue: { usual: 256, low: 0, high: 65_536 },
  timeout: { usual: 300, low: 1, high: 86_400 },
};

/** Fills in defaults. @throws OptionError naming the first limit that is no whole number in its range. */
export function parseLimits(options: Partial<Limits>): Limits {
  const parsed = Object.entries(limits).map(([name, { usual, low, high }]) => {
    const value = options[name as keyof Limits] ?? usual;
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new OptionError(`${name} is ${value}; it must be a whole number from ${low} to ${high}`);
    }
    return [name, value];
  });
  return Object.fromEntries(parsed);
}
