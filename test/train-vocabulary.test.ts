import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitStories } from "../src/corpus/stories.ts";
import { OptionError } from "../src/engine/errors.ts";
import { BYTE_ORDER, BYTE_SYMBOLS } from "../src/tokenizer/byte-symbols.ts";
import { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { tokenizerJson } from "../src/tokenizer/tokenizer-json.ts";
import { trainVocabulary } from "../src/tokenizer/train-vocabulary.ts";
import { nativeMerges } from "./native-trainer.ts";

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const stories = splitStories(read("data/tinystories-held-out.txt"));
const json = await trainVocabulary(stories, 1024);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("the vocabulary of Hugging Face's trainer", () => {
  const english = "It's Tom's, they'll say; we've 12 cats and I'd've   fed ¾ of them.";
  const scripts = "Ελληνικά русский עברית العربية हिन्दी ภาษาไทย 中文字 日本語 한국어 ⅷ٣४ ";
  const marks = "e\u0301 é n\u0303 Z\u0351\u036b\u0343 क्षि 👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇨🇭🇨🇦 \u{1d4b3}\u{20000}";
  const spaces = " \t \u00a0\u0085 \u2028\u2029\u3000 \ufeff\u200b\u180e x\u0085y\ufeffz \r \v\f";
  const letters = ["a", "b", "c", "ab", " ", "  ", "\n", "\r\n", "\r", "'s", "'ll", "1", "!", "é", "中", "🙂"];
  const pieces = fc.constantFrom(...letters, "\u0301", "\u0085", "\ufeff", "\u00a0", "\ud800", "\0", "<eos>");
  const random = fc.sample(fc.array(fc.string({ unit: pieces, maxLength: 60 }), { maxLength: 4 }), {
    numRuns: 300,
    seed: 1,
  });
  const corpora: [string, string[]][] = [
    ["stories", splitStories(read("data/tinystories.txt"))],
    ["one text without stories", [read("data/tinystories-held-out.txt")]],
    ["a program", [read("package-lock.json"), read("src/tokenizer/tokenizer.ts")]],
    ["line breaks of Windows", stories.slice(0, 40).map((story) => story.replaceAll("\n", "\r\n"))],
    ["many scripts", [english, scripts, marks, scripts.repeat(3), [...scripts].reverse().join("")]],
    ["white space", [spaces, `${spaces}\n${spaces}\n\n\n  x\n \n`, [...spaces].join("a"), "\r", "\n", "x\r", "x\n"]],
    ["nothing", []],
    ["empty texts", ["", "", ""]],
    ["lone surrogates", ["a\ud800b \udc00\ud800", "\ud83d", "\ude42", "\ufffd\ufffd"]],
    ["one letter", ["a".repeat(10_000)]],
    ["runs of a letter", Array.from({ length: 200 }, (_, i) => "a".repeat(i))],
    ["long words", ["abab".repeat(3000), "xyzzy".repeat(999), "0123456789".repeat(500), "?!".repeat(1000)]],
    ["nothing but ties", [BYTE_SYMBOLS.join(""), [...BYTE_SYMBOLS].reverse().join(" ")]],
    ["all words of two letters", [Array.from({ length: 400 }, (_, i) => i.toString(20).padStart(2, "0")).join(" ")]],
  ];
  const native = nativeMerges([...corpora.map(([, texts]) => texts), ...random]);

  test.each(corpora.map(([name, texts], i) => ({ name, texts, merges: native[i] ?? [] })))("$name", async (corpus) => {
    for (const size of [30_000, 4096, 260 + Math.floor(corpus.merges.length / 2)]) {
      const expected = tokenizerJson(corpus.merges.slice(0, size - 260));
      expect(sha256(await trainVocabulary(corpus.texts, size))).toBe(sha256(expected));
    }
  });

  test("random texts", async () => {
    for (const [i, texts] of random.entries()) {
      const { merges } = JSON.parse(await trainVocabulary(texts, 30_000)).model;
      expect(merges).toEqual(native[corpora.length + i]);
    }
  });
});

describe("trainVocabulary", () => {
  test("gives the same bytes as ever", async () => {
    expect(sha256(json)).toBe("89d610b22c320c2bf133120ef801620a66e946012caf1d9b3fe52a5e5c032015");
    const text = splitStories(read("data/tinystories.txt"));
    expect(sha256(await trainVocabulary(text, 4096))).toBe(
      "79d518f5ec38d360fc1374a21ac603905cd1e9b8dd9a11e85aae603d5969548e",
    );
  });

  test("lays out special tokens, bytes, then merges", () => {
    const { vocab, merges }: { vocab: Record<string, number>; merges: [string, string][] } = JSON.parse(json).model;
    const tokens = Object.entries(vocab).sort(([, a], [, b]) => a - b);
    expect(tokens.map(([, id]) => id)).toEqual(Array.from({ length: 1024 }, (_, id) => id));
    const names = tokens.map(([token]) => token);
    expect(names.slice(0, 4)).toEqual(["<pad>", "<unk>", "<bos>", "<eos>"]);
    expect(names.slice(4, 260)).toEqual(BYTE_ORDER.map((byte) => BYTE_SYMBOLS[byte]));
    expect(names.slice(4, 8)).toEqual(["!", '"', "#", "$"]);
    expect(names.slice(260)).toEqual(merges.map(([left, right]) => left + right));
  });

  test("reads texts once, in any order", async () => {
    expect(sha256(await trainVocabulary(stories.values(), 1024))).toBe(sha256(json));
    expect(sha256(await trainVocabulary([...stories].reverse(), 1024))).toBe(sha256(json));
  });

  test("a long text is its lines", async () => {
    const long = Array.from({ length: 50 }, (_, i) => `${stories[i]}\n`.repeat(60)).join("\n");
    expect(long.length).toBeGreaterThan(2 ** 21);
    expect(sha256(await trainVocabulary([long], 1024))).toBe(sha256(await trainVocabulary(long.split("\n"), 1024)));
  });

  test("a smaller vocabulary is the beginning of a larger one", async () => {
    const tokenizer = Tokenizer.fromJson(json);
    const small = Tokenizer.fromJson(await trainVocabulary(stories, 300));
    expect(small.vocabSize).toBe(300);
    for (let id = 0; id < 300; id++) expect(small.bytesOf(id)).toEqual(tokenizer.bytesOf(id));
  });

  test("no merges: bytes alone", async () => {
    const bytes = Tokenizer.fromJson(await trainVocabulary([], 260));
    expect(bytes.vocabSize).toBe(260);
    expect(bytes.decode(bytes.encode("naïve 🌈"))).toBe("naïve 🌈");
    expect(await trainVocabulary(stories, 260)).toBe(bytes.json);
    const few = Tokenizer.fromJson(await trainVocabulary(["aab"], 300));
    expect(few.vocabSize).toBe(262);
    expect(few.encode("aab").length).toBe(1);
  });

  test("65,536 tokens", async () => {
    const words = Array.from({ length: 70_000 }, (_, i) =>
      i.toString(26).replace(/\d/g, (d) => "qrstuvwxyz"[+d] ?? ""),
    );
    const full = Tokenizer.fromJson(await trainVocabulary([words.join(" ")], 65_536));
    expect(full.vocabSize).toBe(65_536);
    const some = words.slice(0, 1000).join(" ");
    expect(full.decode(full.encode(some))).toBe(some);
  });

  test.each([259, 65537, 512.5, Number.NaN])("refuses a vocabulary of %d", async (size) => {
    await expect(trainVocabulary(stories, size)).rejects.toThrow(OptionError);
    await expect(trainVocabulary(stories, size)).rejects.toThrow(/260 to 65536/);
  });

  test("lets other events come, and ends with the signal", async () => {
    function* endless() {
      while (true) yield* stories;
    }
    const control = new AbortController();
    setTimeout(() => control.abort(new Error("enough")));
    await expect(trainVocabulary(endless(), 1024, control.signal)).rejects.toThrow("enough");
    await expect(trainVocabulary(endless(), 1024, control.signal)).rejects.toThrow("enough");
  });
});
