import { OptionError } from "../engine/errors.ts";
import { likeliestOf } from "./likeliest.ts";
import type { Runner } from "./runner.ts";

/** How well one token was predicted by those before it. */
export interface TokenScore {
  /** The token. */
  readonly id: number;
  /** -ln of its probability, before temperature and any other option of sampling: its logprob is the negative. */
  readonly nats: number;
  /** The likeliest tokens in its place, the likeliest first; as many as were asked for. */
  readonly alternatives: readonly {
    /** The token. */
    readonly id: number;
    /** -ln of its probability. */
    readonly nats: number;
  }[];
}

const MAX_ALTERNATIVES = 100;

/** Scores the token that came next by the logits that predicted it, V numbers. */
export function scoreToken(runner: Runner, logits: Float32Array, id: number, alternatives: number): TokenScore {
  const nats = runner.natsOf(logits);
  const likeliest = alternatives === 0 ? [] : likeliestOf(logits, Math.min(alternatives, logits.length));
  return { id, nats: nats(id), alternatives: likeliest.map((other) => ({ id: other, nats: nats(other) })) };
}

/** @throws OptionError for a number of alternatives out of range. */
export function checkAlternatives(alternatives: number): void {
  if (!Number.isInteger(alternatives) || alternatives < 0 || alternatives > MAX_ALTERNATIVES) {
    throw new OptionError(`alternatives is ${alternatives}; it must be a whole number from 0 to ${MAX_ALTERNATIVES}`);
  }
}
