import { hash32, hashWords } from "../engine/random.ts";
import type { Runner } from "./runner.ts";

const TOKENS = 16;

/**
 * 64 bits that tell models apart, as two words: a hash of the configuration, and of the state and the logits after some
 * tokens, in which every parameter has a part. A plain and a packed file of one model have the same.
 */
export function fingerprint(runner: Runner): readonly [number, number] {
  const { config, stateCount } = runner;
  const state = new Float32Array(stateCount);
  for (let t = 0; t < TOKENS; t++) runner.forward([hash32(t, 0) % config.vocabSize], state);
  const shape = Array.from(JSON.stringify(config), (character) => character.charCodeAt(0));
  const words = [shape, bitsOf(state), bitsOf(runner.logits(0, 1).slice())];
  const hash = (key: number) => words.reduce((before, some) => hashWords(some, before), key);
  return [hash(1), hash(2)];
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}
