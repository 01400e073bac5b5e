import { readFileSync } from "node:fs";
import { Tokenizer as PlainTokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitStories } from "../src/corpus/stories.ts";
import { FormatError, OptionError } from "../src/engine/errors.ts";
import { BYTE_ORDER } from "../src/tokenizer/byte-symbols.ts";
import { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { trainVocabulary } from "../src/tokenizer/train-vocabulary.ts";

const stories = splitStories(readFileSync(new URL("../data/tinystories-held-out.txt", import.meta.url), "utf8"));
const json = await trainVocabulary(stories, 1024);
const tokenizer = Tokenizer.fromJson(json);
const utf8 = new TextEncoder();

const awkward = fc.constantFrom(
  ..."👩‍👩‍👧‍👦|é|e\u0301|ﷺ|  |   |\n|\n\n|\r\n|\t|\u00a0|\u0085|\u2028|\ufeff|'s|'ll|don't|1234|²|<eos>|<pad>|<|endoftext|>|!?".split(
    "|",
  ),
);
const text = fc
  .array(
    fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }), awkward, fc.constantFrom(...stories)),
    {
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(""));

type File = {
  [part: string]: unknown;
  added_tokens: { [option: string]: unknown }[];
  model: { [part: string]: unknown; vocab: Record<string, number>; merges: [string, string][] };
};

/** The trained tokenizer.json after a change. */
function changed(change: (file: File) => void): string {
  const file: File = JSON.parse(json);
  change(file);
  return JSON.stringify(file);
}

describe("Tokenizer", () => {
  test("decodes what it encoded", () => {
    fc.assert(
      fc.property(text, (text) => {
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(ids.every((id) => id >= 4 && id < tokenizer.vocabSize)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("gives the library's ids", () => {
    const config = JSON.parse(json);
    const plain = new PlainTokenizer({ ...config, added_tokens: [] }, {});
    const same = (text: string) => {
      expect(tokenizer.encode(text)).toEqual(plain.encode(text).ids);
    };
    stories.forEach(same);
    fc.assert(fc.property(text, same), { numRuns: 500 });
  });

  test("a long text without words, and more words than the cache holds", () => {
    const long = "a".repeat(50_000) + " ".repeat(50_000);
    expect(tokenizer.decode(tokenizer.encode(long))).toBe(long);
    const many = Array.from({ length: 70_000 }, (_, i) => i.toString(36).replace(/\d/g, "x")).join(" ");
    const numbers = Array.from({ length: 70_000 }, (_, i) => i).join(" ");
    for (const words of [many, numbers, many]) expect(tokenizer.decode(tokenizer.encode(words))).toBe(words);
  });

  test("text that looks like a special token stays text", () => {
    for (const special of ["<pad>", "<unk>", "<bos>", "<eos>"]) {
      const ids = tokenizer.encode(`a ${special}${special} b`);
      expect(Math.min(...ids)).toBeGreaterThanOrEqual(4);
    }
    expect(tokenizer.encode("")).toEqual([]);
  });

  test("special tokens decode to nothing", () => {
    const [a = 0, b = 0] = [tokenizer.encode("a")[0], tokenizer.encode("b")[0]];
    expect(tokenizer.eos).toBe(3);
    expect(tokenizer.decode([2, a, 0, 1, b, tokenizer.eos])).toBe("ab");
    for (let id = 0; id < 4; id++) expect(tokenizer.bytesOf(id).length).toBe(0);
  });

  test("the bytes of tokens are the bytes of the text", () => {
    fc.assert(
      fc.property(text, (text) => {
        const bytes = tokenizer.encode(text).flatMap((id) => [...tokenizer.bytesOf(id)]);
        expect(Uint8Array.from(bytes)).toEqual(utf8.encode(text));
      }),
    );
  });

  test("lone surrogates become U+FFFD", () => {
    for (let twice = 0; twice < 2; twice++) expect(tokenizer.decode(tokenizer.encode("a\ud800 b"))).toBe("a\ufffd b");
  });

  test("refuses ids outside the vocabulary", () => {
    for (const id of [-1, 1024, 0.5, Number.NaN]) {
      expect(() => tokenizer.decode([id])).toThrow(OptionError);
      expect(() => tokenizer.decoder().push(id)).toThrow(/0\.\.1023/);
    }
  });
});

describe("TokenDecoder", () => {
  test("gives the text of decode for any ids, in pieces that are whole characters", () => {
    const ids = fc.oneof(
      fc.array(fc.integer({ min: 0, max: tokenizer.vocabSize - 1 })),
      fc.array(fc.integer({ min: 0, max: 259 })),
      text.map((text) => tokenizer.encode(text)),
    );
    fc.assert(
      fc.property(ids, (ids) => {
        const decoder = tokenizer.decoder();
        const pieces = ids.map((id) => decoder.push(id));
        pieces.push(decoder.flush());
        expect(pieces.join("")).toBe(tokenizer.decode(ids));
        for (const piece of pieces)
          expect(piece).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(utf8.encode(piece)));
      }),
      { numRuns: 500 },
    );
  });

  test("holds an unfinished character back, and flush ends it", () => {
    const decoder = tokenizer.decoder();
    const ids = [...utf8.encode("🌈")].map((byte) => 4 + BYTE_ORDER.indexOf(byte));
    expect(ids.map((id) => decoder.push(id))).toEqual(["", "", "", "🌈"]);
    expect(ids.slice(0, 2).map((id) => decoder.push(id))).toEqual(["", ""]);
    expect(decoder.flush()).toBe("\ufffd");
    expect(decoder.flush()).toBe("");
  });
});

describe("tokenizer.json from elsewhere", () => {
  test("older merges, a prefix space, no decoder, no added tokens, ignored merges", () => {
    const older = Tokenizer.fromJson(
      changed((file) => {
        Object.assign(file.model, { merges: file.model.merges.map((pair) => pair.join(" ")), ignore_merges: true });
        file.pre_tokenizer = { type: "ByteLevel", add_prefix_space: true };
        file.decoder = null;
        file.added_tokens = [];
      }),
    );
    expect(older.encode("Once upon <eos>")).toEqual(tokenizer.encode(" Once upon <eos>"));
    expect(older.encode(" Once")).toEqual(tokenizer.encode(" Once"));
    expect(older.encode("")).toEqual([]);
  });

  test("bytes that the vocabulary lacks become <unk>", () => {
    const lacking = Tokenizer.fromJson(
      changed((file) => {
        const symbols = ["<pad>", "<unk>", "<bos>", "<eos>", "a", "b"];
        file.model.vocab = Object.fromEntries(symbols.map((symbol, id) => [symbol, id]));
        file.model.merges = [];
      }),
    );
    expect(lacking.encode("abcé")).toEqual([4, 5, 1, 1, 1]);
    expect(lacking.decode([4, 5, 1])).toBe("ab");
  });

  const refused: [what: string, json: string, message: RegExp][] = [
    ["not JSON", "{", /not JSON/],
    ["a list", "[]", /not a JSON object/],
    ["an empty object", "{}", /model.type is missing; expected BPE/],
    ["another model", changed((file) => Object.assign(file.model, { type: "Unigram" })), /model.type is "Unigram"/],
    [
      "another pre-tokenizer",
      changed((file) => Object.assign(file, { pre_tokenizer: { type: "Metaspace" } })),
      /"Metaspace"/,
    ],
    ["no pre-tokenizer", changed((file) => Object.assign(file, { pre_tokenizer: null })), /pre_tokenizer.type is null/],
    [
      "no pattern",
      changed((file) => Object.assign(file, { pre_tokenizer: { type: "ByteLevel", use_regex: false } })),
      /use_regex is false/,
    ],
    ["another decoder", changed((file) => Object.assign(file, { decoder: { type: "WordPiece" } })), /"WordPiece"/],
    ["a normalizer", changed((file) => Object.assign(file, { normalizer: { type: "NFC" } })), /normalizer is .*NFC/],
    ["dropout", changed((file) => Object.assign(file.model, { dropout: 0.1 })), /dropout is 0.1/],
    ["byte fallback", changed((file) => Object.assign(file.model, { byte_fallback: true })), /byte_fallback/],
    ["no vocabulary", changed((file) => Object.assign(file.model, { vocab: [] })), /model.vocab is \[\]/],
    ["a gap in the ids", changed((file) => Object.assign(file.model.vocab, { "!": 5000 })), /"!" is 5000.*0\.\.1023/],
    [
      "an id twice",
      changed((file) => Object.assign(file.model.vocab, { "!": 5 })),
      /is 5; expected each of 0\.\.1023 once/,
    ],
    ["half an id", changed((file) => Object.assign(file.model.vocab, { "!": 4.5 })), /is 4.5/],
    [
      "too many tokens",
      changed((file) => {
        for (let id = 1024; id <= 65536; id++) file.model.vocab[`a${id}`] = id;
      }),
      /65537 tokens; at most 65536/,
    ],
    [
      "a token that is not byte-level",
      changed((file) => Object.assign(file.model.vocab, { "two words": 1024 })),
      /token 1024 "two words"/,
    ],
    [
      "special tokens elsewhere",
      changed((file) => {
        file.added_tokens = [];
        Object.assign(file.model.vocab, { "<pad>": 3, "<eos>": 0 });
      }),
      /id of <pad> is 3; expected 0/,
    ],
    [
      "no special tokens",
      changed((file) => {
        file.added_tokens = [];
        delete file.model.vocab["<unk>"];
      }),
      /id of <unk> is missing; expected 1/,
    ],
    [
      "an added word",
      changed((file) => file.added_tokens.push({ id: 1024, content: "yes" })),
      /"yes"; expected special/,
    ],
    ["damaged added tokens", changed((file) => file.added_tokens.push({})), /added_tokens is \{\}/],
    ["added tokens that are no list", changed((file) => Object.assign(file, { added_tokens: {} })), /a list/],
    ["merges that are no list", changed((file) => Object.assign(file.model, { merges: {} })), /model.merges/],
    ["a merge of three", changed((file) => file.model.merges.unshift(JSON.parse('["a","b","c"]'))), /merge 0 is \["a"/],
    ["a merge of numbers", changed((file) => Object.assign(file.model, { merges: [[1, 2]] })), /merge 0 is \[1,2\]/],
    ["a merge into nothing", changed((file) => file.model.merges.unshift(["q", "q"])), /merge 0 needs "qq"/],
  ];
  test.each(refused)("refuses %s", (_, json, message) => {
    const make = () => Tokenizer.fromJson(json);
    expect(make).toThrow(FormatError);
    expect(make).toThrow(message);
    expect(make).not.toThrow(/\n/);
  });
});
