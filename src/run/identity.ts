import { createHash } from "node:crypto";
import type { ModelConfig } from "../engine/config.ts";
import { OptionError } from "../engine/errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingSettings } from "../train/settings.ts";

/** What must be the same for a run to go on: each value under the name that a message gives it. */
export type Identity = Readonly<Record<string, string | number>>;

const TEXT = "sha256 of the text";
const HELD_OUT = "sha256 of the held-out text";

/**
 * What decides every bit of a run but its length: its model, its scores, and so which model is its best.
 *
 * @param asked the configuration that was asked for; the vocabulary may have come out smaller.
 * @param text hashes of the tokens to train on, and of those to score with.
 */
export function identityOf(
  asked: ModelConfig,
  settings: TrainingSettings,
  tokenizer: Tokenizer,
  text: { readonly training: string; readonly validation: string },
): Identity {
  return {
    ...asked,
    ...settings,
    tokenizer: createHash("sha256").update(tokenizer.json).digest("hex"),
    [TEXT]: text.training,
    [HELD_OUT]: text.validation,
  };
}

/** @throws OptionError naming the first difference. */
export function checkIdentity(saved: Identity, now: Identity, out: string): void {
  for (const name of Object.keys(now)) {
    if (saved[name] === now[name]) continue;
    const same =
      name === TEXT || name === HELD_OUT
        ? "the text (and --val, or none) that it was started with"
        : "what it was started with";
    throw new OptionError(
      `${out} cannot be resumed: its ${name} was ${saved[name]} and is now ${now[name]}; resume with ${same}`,
    );
  }
}
