import { mkdtempSync, rmSync } from "node:fs";
import { rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { readCorpusIndex, sideOf, writeCorpusIndex } from "../src/corpus/corpus-index.ts";
import { hashText, isHeldOut } from "../src/corpus/lot.ts";
import { StorySample } from "../src/corpus/sample.ts";
import { splitStories } from "../src/corpus/stories.ts";
import { type StoryRule, StorySplitter } from "../src/corpus/story-splitter.ts";
import { tokensInMemory } from "../src/corpus/token-source.ts";
import { presets } from "../src/engine/config.ts";
import { FormatError, OptionError, TextError } from "../src/engine/errors.ts";
import { evaluateTokens } from "../src/inference/evaluate.ts";
import { readSeparator } from "../src/run/prepare-options.ts";
import { ShardSource } from "../src/run/shard-source.ts";
import { ShardWriter, UNFINISHED } from "../src/run/shard-writer.ts";

const utf8 = new TextEncoder();
const END = "<|endoftext|>";
const lines: StoryRule = { kind: "line", text: END };

/** Cuts bytes into pieces of these sizes, again and again. */
function* piecesOf(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.slice(at, at + size);
    at += size;
  }
}

function split(text: string | Uint8Array, rule: StoryRule, sizes: readonly number[] = [1e9], limit?: number): string[] {
  const splitter = new StorySplitter("a.txt", rule, limit);
  const stories: string[] = [];
  const bytes = typeof text === "string" ? utf8.encode(text) : text;
  for (const piece of piecesOf(bytes, sizes)) stories.push(...splitter.push(piece));
  return [...stories, ...splitter.end()];
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const parts = fc.array(
  fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 8 }),
    fc.constantFrom("\n", "\r\n", "\r", END, `\n${END}\n`, `\r\n${END}\r\n`, "\ufeff", " ", "\t\n", "猫は🐟"),
  ),
);

describe("StorySplitter", () => {
  test("finds what splitStories finds, wherever the pieces of the file end", () => {
    fc.assert(
      fc.property(parts, sizes, fc.boolean(), (some, sizes, mark) => {
        const text = some.join("").replace(/^\ufeff+/, "");
        expect(split((mark ? "\ufeff" : "") + text, lines, sizes)).toEqual(splitStories(text));
      }),
      { numRuns: 1000 },
    );
  });

  test.each<[string, StoryRule, string[]]>([
    ["One.\n\nTwo.\n \nThree.\n", { kind: "blank", lines: 1 }, ["One.", "Two.", "Three.\n"]],
    ["One.\r\n\r\nTwo.\r\n\t\r\n", { kind: "blank", lines: 1 }, ["One.", "Two."]],
    ["\n\nOne.\n\nstill\n\n\n\nTwo.\n\n", { kind: "blank", lines: 2 }, ["One.\n\nstill", "Two.\n\n"]],
    ["One.\n\n\n", { kind: "blank", lines: 2 }, ["One."]],
    ["\ufeff\nOne.", { kind: "blank", lines: 1 }, ["One."]],
    ["One.\n###\nTwo.\n ###\n###", { kind: "line", text: "###" }, ["One.", "Two.\n ###"]],
    ["", { kind: "blank", lines: 1 }, []],
  ])("of %j by %j", (text, rule, stories) => {
    for (const size of [1, 2, 3, 1e9]) expect(split(text, rule, [size])).toEqual(stories);
  });

  test("reads JSON lines, one story each, whatever the texts", () => {
    const texts = fc.array(fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(texts, sizes, fc.constantFrom("\n", "\r\n", "\n\n"), (texts, sizes, lineBreak) => {
        const file = texts.map((text) => JSON.stringify({ id: 1, body: text }) + lineBreak).join("");
        const rule = { kind: "record", field: "body" } as const;
        expect(split(file, rule, sizes)).toEqual(texts.filter((text) => text.trim() !== ""));
      }),
    );
  });

  test.each(["not JSON", "[]", "null", '{"text": 3}', '{"body": "x"}', '{"text": "x"'])(
    "names the line of a record without its text: %s",
    (line) => {
      const rule = { kind: "record", field: "text" } as const;
      const run = () => split(`{"text": "one"}\n\n${line}\n`, rule, [7]);
      expect(run).toThrow(TextError);
      expect(run).toThrow(/^a\.txt: line 3 \(byte 17\) .*"text"/);
    },
  );

  test("names the offset of what is not UTF-8, wherever the pieces end", () => {
    fc.assert(
      fc.property(parts, sizes, (some, sizes) => {
        const good = utf8.encode(`${some.join("").replace(/^\ufeff+/, "")}x`);
        const bytes = Uint8Array.of(...good, 0xff, ...utf8.encode(`\n${END}\nmore`));
        expect(() => split(bytes, lines, sizes)).toThrow(`a.txt: byte ${good.length} (0xff) is not UTF-8`);
      }),
    );
    expect(() => split(Uint8Array.of(0x41, 0xe2, 0x82), lines, [1])).toThrow("a.txt: byte 1 (0xe2)");
  });

  test("refuses a story that is too long, before it has ended and after", () => {
    const long = `ok\n${END}\n${"x".repeat(50)}\n${END}\n`;
    for (const size of [1, 7, 1e9]) {
      expect(split(long, lines, [size], 50)).toHaveLength(2);
      const run = () => split(long, lines, [size], 49);
      expect(run).toThrow(TextError);
      expect(run).toThrow(/^a\.txt: the story that begins at byte 17 is longer than 49 bytes; .*--separator/);
    }
    // what has not ended is not kept for ever
    const splitter = new StorySplitter("a.txt", lines, 10);
    expect(splitter.push(utf8.encode("x".repeat(1 << 20)))).toEqual([]);
    expect(() => splitter.push(utf8.encode("x".repeat(11)))).toThrow(/longer than 10 bytes/);
    expect(() => split('{"text": "long"}', { kind: "record", field: "text" }, [3], 9)).toThrow(/longer than 9 bytes/);
  });
});

test("a separator is a line, or blank lines", () => {
  expect(readSeparator(END)).toEqual(lines);
  expect(readSeparator("blank")).toEqual({ kind: "blank", lines: 1 });
  expect(readSeparator("blank:3")).toEqual({ kind: "blank", lines: 3 });
  for (const bad of ["", " ", "a\nb", "blank:0", "blank:9999"]) expect(() => readSeparator(bad)).toThrow(OptionError);
});

describe("isHeldOut", () => {
  test("depends on the text alone, keeps to its share, and holds out more when the share grows", () => {
    const hashes = Array.from({ length: 20_000 }, (_, i) => hashText(`story ${i}`));
    const shares = [0, 0.001, 0.02, 0.1, 0.5, 0.99];
    const held = shares.map((share) => hashes.filter((hash) => isHeldOut(hash, share)));
    for (const [i, share] of shares.entries()) {
      expect(Math.abs((held[i]?.length ?? 0) / hashes.length - share)).toBeLessThan(0.01);
      if (i > 0) expect(held[i]).toEqual(expect.arrayContaining(held[i - 1]?.slice(0, 50) ?? []));
    }
    expect(held[0]).toEqual([]);
    expect(held[2]).toEqual(hashes.filter((hash) => hash % 50 === 0));
  });
});

describe("StorySample", () => {
  const draw = (stories: readonly string[], size: number, seed = 0) => {
    const sample = new StorySample(size, seed);
    for (const story of stories) sample.offer(story, hashText(story));
    return sample.stories();
  };

  test("does not depend on order or repetition, and is as large as asked for", () => {
    const stories = fc.array(fc.string({ minLength: 1, maxLength: 9 }), { maxLength: 60 });
    fc.assert(
      fc.property(stories, fc.integer({ min: 1, max: 200 }), fc.nat(), (stories, size, seed) => {
        const drawn = draw(stories, size, seed);
        expect(draw([...stories.toReversed(), ...stories], size, seed)).toEqual(drawn);
        const bytes = (texts: string[]) => utf8.encode(texts.join("")).length;
        if (bytes(drawn) < size) expect(new Set(drawn)).toEqual(new Set(stories));
        else expect(bytes(drawn.slice(0, -1))).toBeLessThan(size);
        expect(new Set(drawn).size).toBe(drawn.length);
      }),
    );
  });

  test("differs with the seed", () => {
    const stories = Array.from({ length: 100 }, (_, i) => `story ${i}`);
    expect(draw(stories, 80, 0)).not.toEqual(draw(stories, 80, 1));
  });
});

describe("index.json", () => {
  const shard = (file: string, tokens: number) => ({ file, tokens, stories: 2, bytes: 9, sha256: "0f".repeat(32) });
  const index = {
    vocabSize: 300,
    tokenizer: "ab".repeat(32),
    asReleased: false,
    train: sideOf([shard("train-00000.tokens", 5), shard("train-00001.tokens", 6)]),
    val: sideOf([]),
  };

  test("is read as it was written", () => {
    expect(readCorpusIndex(writeCorpusIndex(index))).toEqual(index);
    expect(index.train).toMatchObject({ tokens: 11, stories: 4, bytes: 18 });
  });

  test.each<[string, RegExp, RegExp]>([
    ["another format", /thunderbolt-corpus/, /no "format"/],
    ["another version", /"version": 1/, /version/],
    ["a path that leads out", /train-00001/, /train\.shards\[1\]\.file is "\.\..*"train-00001\.tokens"/],
    ["a wrong sum", /"tokens": 11/, /its train\.tokens is .*expected 11, the sum/],
    ["a negative count", /"stories": 2/, /train\.shards\[0\]\.stories/],
    ["a hash that is none", /0f0f0f/, /train\.shards\[0\]\.sha256/],
    ["no vocabulary", /"vocabSize": 300/, /vocabSize is .*expected a whole number/],
    ["no list", /"shards": \[\]/, /val\.shards is \{\}; expected a list/],
  ])("is refused with %s", (_, good, message) => {
    const bad = (part: string) => {
      if (part.includes("[")) return '"shards": {}';
      return part.includes('"') ? part.replace(/\d+$/, "-7") : part.includes("train") ? "../../train-1" : "corrupt";
    };
    const run = () => readCorpusIndex(writeCorpusIndex(index).replace(good, bad));
    expect(run).toThrow(FormatError);
    expect(run).toThrow(message);
  });
});

describe("shards", () => {
  const folder = mkdtempSync(join(tmpdir(), "thunderbolt-shards-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("give back at any place what was written, and cut no story", async () => {
    const stories = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
    const places = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(stories, places, async (lengths, places) => {
        const writer = new ShardWriter(folder, "train", 64);
        const all: number[] = [];
        for (const length of lengths) {
          const tokens = Uint16Array.from({ length }, (_, i) => (i === length - 1 ? 3 : (all.length + i) * 7919));
          all.push(...tokens);
          writer.write({ tokens, stories: 1, bytes: 2 });
        }
        const side = sideOf(writer.end());
        for (const { file, tokens } of side.shards) {
          await rename(join(folder, file + UNFINISHED), join(folder, file));
          expect(tokens).toBeLessThanOrEqual(64);
        }
        expect(side).toMatchObject({ tokens: all.length, stories: lengths.length, bytes: 2 * lengths.length });
        const source = new ShardSource(folder, side, 3);
        expect(source.length).toBe(all.length);
        for (const [a, b] of places) {
          const from = a % all.length;
          const into = new Uint16Array(1 + (b % (all.length - from)));
          source.read(from, into);
          expect([...into]).toEqual(all.slice(from, from + into.length));
        }
        source.close();
        let end = 0;
        for (const { tokens } of side.shards) {
          end += tokens;
          expect(all[end - 1]).toBe(3);
        }
      }),
      { numRuns: 50 },
    );
  });
});

test("a score takes whole stories from a source, also those longer than what is handed out at a time", async () => {
  const stories = [10, 65_000, 900, 200_000, 1, 70_000, 5];
  const tokens = new Uint16Array(stories.reduce((sum, length) => sum + length, 0)).fill(7);
  let end = 0;
  for (const length of stories) {
    end += length;
    tokens[end - 1] = 3;
  }
  const seen: number[] = [];
  const done: number[] = [];
  const score = await evaluateTokens(
    async (job) => {
      for (let i = 1; i < job.starts.length; i++) seen.push((job.starts[i] ?? 0) - (job.starts[i - 1] ?? 0));
      expect(job.starts.at(-1)).toBe(job.tokens.length);
      job.nats.fill(1);
    },
    presets.tiny,
    { tokens: tokensInMemory(tokens, 3), bytes: 1000 },
    { onProgress: (all) => done.push(all) },
  );
  expect(seen).toEqual(stories);
  expect(done.at(-1)).toBe(tokens.length);
  expect(score).toMatchObject({ natsPerToken: 1, tokens: tokens.length, bytes: 1000 });
});
