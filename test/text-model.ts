import { readFileSync } from "node:fs";
import { splitStories } from "../src/corpus/stories.ts";
import { type ModelConfig, parseConfig } from "../src/engine/config.ts";
import { parameterTable } from "../src/engine/parameters.ts";
import { writeModelFile } from "../src/formats/model-file.ts";
import type { Piece } from "../src/inference/continuation.ts";
import { Model } from "../src/inference/model.ts";
import { trainVocabulary } from "../src/tokenizer/train-vocabulary.ts";
import { oddConfig, randomValues } from "./model.ts";

const stories = splitStories(readFileSync(new URL("../data/tinystories-held-out.txt", import.meta.url), "utf8"));
const vocabulary = await trainVocabulary(stories.slice(0, 50), 280);

/** The bytes of a model file with random weights and a vocabulary of 280 tokens. */
export function randomModelFile(changes: Partial<ModelConfig> = {}, seed?: number): Uint8Array {
  const config = parseConfig({ ...oddConfig, vocabSize: 280, seqLen: 40, ...changes });
  return Buffer.concat(writeModelFile(config, vocabulary, parameterTable(config), randomValues(config, seed)));
}

/** That model, loaded. */
export function randomModel(changes: Partial<ModelConfig> = {}, seed?: number): Model {
  return Model.fromBytes(randomModelFile(changes, seed));
}

/** A whole text and how it ended. */
export async function collect(pieces: AsyncIterable<Piece>): Promise<Piece> {
  let text = "";
  let tokens = 0;
  for await (const piece of pieces) {
    text += piece.text;
    tokens = piece.tokens;
    if (piece.finishReason) return { text, tokens, finishReason: piece.finishReason };
  }
  return { text, tokens };
}
