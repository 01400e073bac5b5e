import type { TokenScore } from "../inference/token-score.ts";
import type { TokenDecoder, Tokenizer } from "../tokenizer/tokenizer.ts";

/** How likely the tokens of a text were, in OpenAI's form; natural logarithms. */
export interface Logprobs {
  tokens: string[];
  token_logprobs: number[];
  /** The likeliest in the place of each token, and that token itself. */
  top_logprobs: Record<string, number>[];
  /** Where in the choice's text each token begins, in code points. */
  text_offset: number[];
}

/** Writes the logprobs of one text, a stretch at a time. */
export class LogprobsWriter {
  readonly #tokenizer: Tokenizer;
  readonly #decoder: TokenDecoder;
  #offset = 0;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#decoder = tokenizer.decoder();
  }

  /** The tokens that come next. */
  write(scores: readonly TokenScore[]): Logprobs {
    const name = (id: number) => tokenName(this.#tokenizer, id);
    const logprobs: Logprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const { id, nats, alternatives } of scores) {
      logprobs.tokens.push(name(id));
      logprobs.token_logprobs.push(-nats);
      logprobs.top_logprobs.push(
        Object.fromEntries([...alternatives, { id, nats }].map((one) => [name(one.id), -one.nats])),
      );
      logprobs.text_offset.push(this.#offset);
      this.#offset += [...this.#decoder.push(id)].length;
    }
    return logprobs;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A token as OpenAI writes it: its text; if that is no whole characters, "bytes:" and its bytes; `<eos>` for the end. */
function tokenName(tokenizer: Tokenizer, id: number): string {
  if (id === tokenizer.eos) return "<eos>";
  const bytes = tokenizer.bytesOf(id);
  try {
    return utf8.decode(bytes);
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
  }
}
