import type { TokenSource } from "../corpus/token-source.ts";
import { generateFrom } from "../inference/generate.ts";
import { Session } from "../inference/session.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { halfLifeQuantiles, type LayerFigures, ternaryShares } from "./layer-figures.ts";
import type { Learner } from "./learner.ts";

/** A model in training at one step: how it writes, and what its layers are like. */
export interface Look {
  readonly step: number;
  /** The first words of the held-out text, with which {@link text} begins. */
  readonly prompt?: string;
  /** How the model goes on from them, always with the same seed. */
  readonly text?: string;
  readonly layers: readonly LayerFigures[];
}

/** Held-out tokens over which the gates are measured. */
const MEASURED = 512;
const SAMPLE = { seed: 0, maxTokens: 64 } as const;
const PROMPT_TOKENS = 16;
/** Characters. */
const PROMPT_LENGTH = 24;

/**
 * Looks at the model as it stands, between two steps, and changes nothing of it. Costs about what reading a thousand
 * tokens does. A model that is not causal tells nothing.
 */
export async function lookAt(learner: Learner, tokenizer: Tokenizer, heldOut: TokenSource): Promise<Look> {
  const { config, parameters, recurrentWidth } = learner.plan.model;
  const shares = ternaryShares(config, parameters, (parameter) => learner.weights(parameter));
  const gates: Float32Array[][] = shares.map(() => []);
  const tokens = new Uint16Array(Math.min(MEASURED, heldOut.length));
  heldOut.read(0, tokens);
  for (let from = 0; from < tokens.length; from += config.seqLen) {
    const stretch = tokens.subarray(from, from + config.seqLen);
    learner.forgetGates(stretch).forEach((layer, l) => {
      gates[l].push(layer.slice());
    });
  }
  const layers = shares.map((share, l) => ({ ...share, halfLife: halfLifeQuantiles(gates[l], recurrentWidth) }));
  if (config.headNorm === "window") return { step: learner.step, layers };
  const prompt = openingOf(tokens, tokenizer, heldOut.eos);
  const { runner } = learner;
  const session = new Session(runner);
  const ids = tokenizer.encode(prompt);
  session.append([tokenizer.eos, ...ids]);
  let text = "";
  for await (const piece of generateFrom(session, runner, tokenizer, ids, SAMPLE)) text += piece.text;
  return { step: learner.step, prompt, text, layers };
}

/** The first words of the first story, or where there are no words the first characters. */
function openingOf(tokens: Uint16Array, tokenizer: Tokenizer, eos: number | undefined): string {
  const end = eos === undefined ? -1 : tokens.indexOf(eos);
  const story = tokens.subarray(0, Math.min(PROMPT_TOKENS, end < 0 ? tokens.length : end));
  const text = tokenizer.decode(story).trimStart();
  const [start] = new RegExp(`^.{0,${PROMPT_LENGTH}}`, "su").exec(text) ?? [""];
  // the last character may have been cut in two
  return /^(.+)\s/s.exec(start)?.[1].trimEnd() || start.replace(/\uFFFD+$/, "");
}
