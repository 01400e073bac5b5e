import { type Crew, type CrewJob, inPlaceCrew, type ShareRunner } from "../engine/crew.ts";
import { instantiateKernels } from "../engine/instance.ts";
import { nextTurn } from "../engine/turns.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { Batch } from "./batch.ts";
import { Continuation, type ContinuationOptions, type Piece } from "./continuation.ts";
import { type InferenceShape, planInference } from "./inference-plan.ts";
import { Prompt } from "./prompt.ts";
import { Runner } from "./runner.ts";
import type { TokenScore } from "./token-score.ts";

/** A text that joins a lane. */
export interface LaneText {
  /** Tells it from the others of its lane. */
  readonly key: number;
  /** The prompt. Texts that share the array one after the other have it read once. */
  readonly ids: readonly number[];
  readonly options: ContinuationOptions;
  /** With `alternatives`: scores the prompt too. */
  readonly scorePrompt: boolean;
}

/** What is asked of a lane at a time: to let texts join and leave, and all grow for a while. */
export interface LaneTurn {
  readonly joining: readonly LaneText[];
  /** Keys of texts that nobody wants any more; one that has ended meanwhile may be among them. */
  readonly leaving: readonly number[];
  /** Milliseconds after which no further step begins. */
  readonly ms: number;
}

/** What a text has grown by in a turn. */
export interface LanePiece extends Piece {
  readonly key: number;
  /** In a text's first piece, if asked for: how well the prompt's tokens were predicted. */
  readonly promptScores?: readonly TokenScore[];
}

/** Whoever grows texts, a thread or the calling one. */
export type LaneCrew = Crew<LaneTurn, readonly LanePiece[]>;

/** What one must know to be a lane: the model, and which of its workspaces to use. */
export interface LaneJob extends CrewJob<"lane", { readonly workers: 1; readonly model: InferenceShape }> {
  readonly workspace: number;
  readonly tokenizerJson: string;
}

/** Tokens of prompts that are read in a step at most: as many as fill the kernels' lanes, twice. */
const PROMPT_TOKENS = 64;

/** Texts that grow side by side on one thread, from one turn to the next. */
class Lane {
  readonly #runner: Runner;
  readonly #tokenizer: Tokenizer;
  readonly #batch = new Batch<number>(Number.POSITIVE_INFINITY, PROMPT_TOKENS);
  /** Prompts whose scores are still to be told. */
  readonly #scored = new Map<number, Prompt>();

  constructor(runner: Runner, tokenizer: Tokenizer) {
    this.#runner = runner;
    this.#tokenizer = tokenizer;
  }

  /** Begins with a turn of the event loop, so that who shares the thread is heard. A fault loses all texts. */
  async turn({ joining, leaving, ms }: LaneTurn): Promise<readonly LanePiece[]> {
    await nextTurn();
    for (const key of leaving) this.#leave(key);
    this.#join(joining);
    const grown = new Map<number, LanePiece>();
    const end = performance.now() + ms;
    try {
      do {
        for (const [key, piece] of this.#batch.step()) grown.set(key, this.#told(key, piece, grown.get(key)));
      } while (this.#batch.size > 0 && performance.now() < end);
    } catch (cause) {
      this.#batch.clear();
      throw cause;
    }
    return [...grown.values()];
  }

  #join(texts: readonly LaneText[]): void {
    const { eos } = this.#tokenizer;
    let prompt: Prompt | undefined;
    for (const { key, ids, options, scorePrompt } of texts) {
      if (prompt?.ids !== ids)
        prompt = new Prompt(this.#runner, eos, ids, scorePrompt ? options.alternatives : undefined);
      if (scorePrompt) this.#scored.set(key, prompt);
      this.#batch.join(key, prompt, new Continuation(this.#runner, this.#tokenizer, ids, options));
    }
  }

  #leave(key: number): void {
    this.#batch.leave(key);
    this.#scored.delete(key);
  }

  #told(key: number, piece: Piece, before: LanePiece | undefined): LanePiece {
    if (before) return { ...before, ...joinPieces(before, piece) };
    const prompt = this.#scored.get(key);
    this.#scored.delete(key);
    return { key, ...piece, ...(prompt && { promptScores: prompt.scores }) };
  }
}

function joinPieces(a: Piece, b: Piece): Piece {
  const scores = a.scores && b.scores && [...a.scores, ...b.scores];
  return { ...b, text: a.text + b.text, ...(scores && { scores }) };
}

/** The function that does a lane's turns on the calling thread, with an instance of the kernels of its own. */
export function laneTurns(job: LaneJob): ShareRunner<LaneTurn, readonly LanePiece[]> {
  const { compiled, memory, shape, workspace, tokenizerJson } = job;
  const kernels = instantiateKernels(compiled, memory);
  const { model, workspaces } = planInference(kernels, shape.model);
  const runner = new Runner(kernels, memory, model, workspaces[workspace]);
  const lane = new Lane(runner, Tokenizer.fromJson(tokenizerJson));
  return ({ phase }) => lane.turn(phase);
}

/** A lane on the calling thread. */
export const laneInPlace = inPlaceCrew(laneTurns);
