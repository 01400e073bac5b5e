import { describe, expect, test } from "vitest";
import { FormatError } from "../src/engine/errors.ts";
import { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { trainVocabulary } from "../src/tokenizer/train-vocabulary.ts";
import { MAX_VOCAB_SIZE } from "../src/tokenizer/vocabulary.ts";
import { uniforms } from "./kernels/harness.ts";
import { mutate } from "./mutate.ts";

const json = await trainVocabulary(
  ["Once upon a time there was a little dog.", "The dog's ball, and 12 more balls."],
  290,
);
const texts = [
  "",
  "Once upon a time",
  " there's a\n\ndog 12 ",
  "🌈é\u0000\ufeff",
  "<eos><pad>",
  "__proto__ constructor",
];

/** Either the file is refused by name, or it makes a tokenizer that is one. */
function loadsOrRefuses(file: string): "loaded" | "refused" {
  let tokenizer: Tokenizer;
  try {
    tokenizer = Tokenizer.fromJson(file);
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    const { message } = error as FormatError;
    expect(message).toMatch(/^tokenizer\.json[^\n]+$/);
    expect(message.length).toBeLessThan(300);
    return "refused";
  }
  const { vocabSize } = tokenizer;
  expect(vocabSize).toBeGreaterThanOrEqual(4);
  expect(vocabSize).toBeLessThanOrEqual(MAX_VOCAB_SIZE);
  let bytes = 0;
  for (let id = 0; id < vocabSize; id++) bytes += tokenizer.bytesOf(id).length;
  expect(bytes).toBeLessThanOrEqual(file.length);
  for (const text of texts) {
    const ids = tokenizer.encode(text);
    for (const id of ids) expect(Number.isInteger(id) && id >= 1 && id < vocabSize).toBe(true);
    const decoded = tokenizer.decode(ids);
    // a byte that the vocabulary lacks is <unk>
    if (!ids.includes(1)) expect([text, ` ${text}`]).toContain(decoded);
  }
  return "loaded";
}

/** Lists in lists, more of them than a stack holds; in a value, this text stands for them. */
const DEEP = "[".repeat(50_000) + "]".repeat(50_000);

/** What stands where something else is expected. */
const oddities: readonly unknown[] = [
  ...[null, true, 0, -1, 0.5, 1e300, 5, 289, 290, 70_000, "", "a", "Ġ", "two words", "<eos>", "\ud800", "deep"],
  ...[[], {}, ["a", "b"], "x".repeat(100_000), JSON.parse('{"__proto__": {"type": "BPE"}, "constructor": 7}')],
];
const names = ["", "__proto__", "constructor", "<unk>", "Ġa", "猫", "dog", "special", "vocab"];

/** Changes one thing in a JSON value: leaves it out, doubles or renames it, or puts something odd in its place. */
function disturb(value: unknown, uniform: () => number): unknown {
  const upTo = (n: number) => Math.floor(uniform() * n);
  const odd = () => oddities[upTo(oddities.length)];
  if (typeof value !== "object" || value === null) return odd();
  const isList = Array.isArray(value);
  const entries: [string, unknown][] = Object.entries(value);
  const at = upTo(entries.length);
  if (entries.length === 0) return odd();
  const [key, item] = entries[at];
  switch (upTo(8)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries[at] = [key, odd()];
      break;
    case 2:
      entries[at] = [names[upTo(names.length)], item];
      break;
    case 3:
      entries.splice(upTo(entries.length), 0, [names[upTo(names.length)], item]);
      break;
    default:
      entries[at] = [key, disturb(item, uniform)];
  }
  return isList ? entries.map(([, one]) => one) : Object.fromEntries(entries);
}

describe("a damaged tokenizer.json makes a tokenizer or is refused by name", () => {
  test("500 with bytes changed", () => {
    const file = new TextEncoder().encode(json);
    const counts = { loaded: 0, refused: 0 };
    for (let seed = 0; seed < 500; seed++) {
      counts[loadsOrRefuses(new TextDecoder().decode(mutate(file, uniforms(seed))))]++;
    }
    expect(Math.min(counts.loaded, counts.refused)).toBeGreaterThan(3);
  });

  test("500 with values changed", () => {
    const counts = { loaded: 0, refused: 0 };
    for (let seed = 0; seed < 500; seed++) {
      const uniform = uniforms(1000 + seed);
      let file: unknown = JSON.parse(json);
      for (let i = 0; i <= uniform() * 2; i++) file = disturb(file, uniform);
      counts[loadsOrRefuses(JSON.stringify(file).replaceAll('"deep"', DEEP))]++;
    }
    expect(Math.min(counts.loaded, counts.refused)).toBeGreaterThan(20);
  });
});
