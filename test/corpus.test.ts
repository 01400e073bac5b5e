import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { permute } from "../src/corpus/permutation.ts";
import { decodeText, splitStories } from "../src/corpus/stories.ts";
import { tokenizeStories } from "../src/corpus/tokens.ts";
import { WindowSampler } from "../src/corpus/windows.ts";
import { OptionError, TextError } from "../src/engine/errors.ts";

const END = "<|endoftext|>";
const story = fc
  .array(fc.oneof(fc.string({ unit: "grapheme", maxLength: 8 }), fc.constantFrom("\n", "\n\n", END, "a line")), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => `x${parts.join(" ")}y`.replace(/\r/g, ""));

describe("splitStories", () => {
  test.each(["\n", "\r\n"])("finds the stories that were joined with line break %j", (lineBreak) => {
    fc.assert(
      fc.property(fc.array(story, { maxLength: 5 }), (stories) => {
        const ended = stories.map((text) => text + lineBreak + END + lineBreak).join("");
        expect(splitStories(ended)).toEqual(stories);
        expect(splitStories(stories.join(lineBreak + END + lineBreak))).toEqual(stories);
      }),
    );
  });

  test.each([
    ["no separator", "One.\nTwo.\n", ["One.\nTwo.\n"]],
    ["separators at both ends", `${END}\nOne.\n${END}`, ["One."]],
    ["empty stories", `One.\n${END}\n${END}\n \n${END}\n\n${END}\nTwo.`, ["One.", "Two."]],
    ["only the last line break is the separator's", `One.\n\n${END}\nTwo.`, ["One.\n", "Two."]],
    ["a separator inside a line is text", `One. ${END} Two.\nThree ${END}\n${END} four`, null],
    ["mixed line breaks", `One.\r\n${END}\nTwo.\n${END}\r\nThree.`, ["One.", "Two.", "Three."]],
    ["nothing", "", []],
  ])("%s", (_, text, stories) => {
    expect(splitStories(text)).toEqual(stories ?? [text]);
  });
});

describe("decodeText", () => {
  const utf8 = new TextEncoder();

  test("gives back well-formed text, without its byte order mark", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(text.trim() !== "" && !text.startsWith("\ufeff"));
        expect(decodeText(utf8.encode(text), "a.txt")).toBe(text);
        expect(decodeText(utf8.encode(`\ufeff${text}`), "a.txt")).toBe(text);
      }),
    );
  });

  test("names file and offset of the first bad byte, exactly where the platform's decoder fails", () => {
    const fatal = (bytes: Uint8Array) => {
      try {
        new TextDecoder("utf-8", { fatal: true }).decode(bytes);
        return false;
      } catch {
        return true;
      }
    };
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x9f, 0xbf));
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        byte,
        (text, tail, lead) => {
          const start = utf8.encode(`x${text}`);
          const bytes = Uint8Array.of(...start, lead, ...tail);
          if (!fatal(bytes)) return;
          let good = start.length;
          // The longest well-formed beginning: what follows it begins no character.
          for (let end = good; end < bytes.length; end++) if (!fatal(bytes.subarray(0, end))) good = end;
          expect(() => decodeText(bytes, "a.txt")).toThrow(
            new RegExp(`^a.txt: byte ${good} \\(0x[0-9a-f]{2}\\) is not UTF-8`),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["overlong", [0xc0, 0xaf]],
    ["overlong of 3", [0xe0, 0x9f, 0xbf]],
    ["overlong of 4", [0xf0, 0x8f, 0xbf, 0xbf]],
    ["surrogate", [0xed, 0xa0, 0x80]],
    ["beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["truncated", [0xe2, 0x82]],
    ["stray continuation", [0x80]],
    ["UTF-16", [0xff, 0xfe]],
  ])("%s", (_, bad) => {
    expect(() => decodeText(Uint8Array.of(0x41, 0xc3, 0xa9, ...bad), "b.txt")).toThrow(/^b.txt: byte 3 /);
    expect(() => decodeText(Uint8Array.from(bad), "b.txt")).toThrow(TextError);
  });

  test.each([
    ["empty", ""],
    ["white space", " \r\n\t"],
    ["a byte order mark", "\ufeff"],
  ])("refuses a text of %s", (_, text) => {
    const decode = () => decodeText(utf8.encode(text), "c.txt");
    expect(decode).toThrow(TextError);
    expect(decode).toThrow(/^c.txt: the text is empty/);
  });
});

describe("tokenizeStories", () => {
  const letters = { eos: 3, encode: (text: string) => Array.from(text, (letter) => letter.charCodeAt(0)) };

  test("ends each story with <eos> and counts UTF-8 bytes", () => {
    const { tokens, bytes, stories } = tokenizeStories(["ab", "", "é"], letters);
    expect([...tokens]).toEqual([97, 98, 3, 3, 233, 3]);
    expect({ bytes, stories }).toEqual({ bytes: 4, stories: 3 });
  });

  test("grows, also for one story longer than twice its room", () => {
    const long = "a".repeat(300_000);
    const { tokens } = tokenizeStories([long, "b", long], letters);
    expect(tokens.length).toBe(600_004);
    expect([...tokens.subarray(299_999, 300_004)]).toEqual([97, 3, 98, 3, 97]);
    expect(tokens.buffer.byteLength).toBe(1_200_008);
  });

  test("no stories give no tokens", () => {
    expect(tokenizeStories([], letters)).toEqual({ tokens: new Uint16Array(0), bytes: 0, stories: 0 });
  });
});

const seed = fc.oneof(fc.nat(), fc.maxSafeNat());
const corpus = fc
  .record({ seqLen: fc.integer({ min: 1, max: 40 }), extra: fc.nat(600), seed, epoch: fc.nat(5) })
  .map(({ seqLen, extra, ...rest }) => ({ ...rest, seqLen, tokens: seqLen + 1 + extra }));

describe("WindowSampler", () => {
  test("an epoch makes each token a target at most once, and all but fewer than 2 T exactly once", () => {
    fc.assert(
      fc.property(corpus, ({ epoch, ...options }) => {
        const windows = new WindowSampler(options);
        const targets = new Uint8Array(options.tokens);
        for (let i = 0; i < windows.windowsPerEpoch; i++) {
          const start = windows.at(epoch * windows.windowsPerEpoch + i);
          expect(Number.isInteger(start) && start >= 0 && start + options.seqLen < options.tokens).toBe(true);
          for (let t = 1; t <= options.seqLen; t++) targets[start + t] = (targets[start + t] ?? 0) + 1;
        }
        expect(Math.max(...targets)).toBe(1);
        expect(targets.filter((times) => times === 0).length).toBeLessThan(2 * options.seqLen);
      }),
      { numRuns: 300 },
    );
  });

  test("any index can be computed again, in any order", () => {
    fc.assert(
      fc.property(corpus, fc.array(fc.maxSafeNat(), { maxLength: 20 }), ({ epoch: _, ...options }, indices) => {
        const windows = new WindowSampler(options);
        const starts = indices.map((index) => windows.at(index));
        const again = new WindowSampler(options);
        expect(indices.toReversed().map((index) => again.at(index))).toEqual(starts.toReversed());
      }),
    );
  });

  test("epochs and seeds differ in cuts and in order", () => {
    const [tokens, seqLen] = [100_000, 64];
    const epochsOf = (seed: number) => {
      const windows = new WindowSampler({ tokens, seqLen, seed });
      const size = windows.windowsPerEpoch;
      return Array.from({ length: 8 }, (_, e) => Array.from({ length: size }, (_, i) => windows.at(e * size + i)));
    };
    const epochs = [...epochsOf(0), ...epochsOf(1), ...epochsOf(2 ** 32)];
    expect(new Set(epochs.map((starts) => starts.join())).size).toBe(24);
    expect(new Set(epochs.map((starts) => (starts[0] ?? 0) % seqLen)).size).toBeGreaterThan(12);
    // Neighbours in time are no neighbours in the text: as rare as in a random order, where 2 in each epoch are expected.
    for (const starts of epochs) {
      const adjacent = starts.filter((start, i) => Math.abs(start - (starts[i - 1] ?? -1e9)) === seqLen);
      expect(adjacent.length).toBeLessThan(12);
    }
  });

  test("gives these windows for ever", () => {
    const windows = new WindowSampler({ tokens: 1000, seqLen: 16, seed: 7 });
    expect(windows.windowsPerEpoch).toBe(61);
    expect([0, 1, 2, 60, 61, 6100].map((index) => windows.at(index))).toMatchInlineSnapshot(`
      [
        670,
        606,
        494,
        350,
        171,
        358,
      ]
    `);
  });

  test("the shortest corpus that will do has one window", () => {
    const windows = new WindowSampler({ tokens: 17, seqLen: 16, seed: 7 });
    expect(windows.windowsPerEpoch).toBe(1);
    expect([windows.at(0), windows.at(1), windows.at(2)]).toEqual([0, 0, 0]);
  });

  test("refuses what has no windows", () => {
    const make = (tokens: number, seqLen: number, seed: number) => () => new WindowSampler({ tokens, seqLen, seed });
    expect(make(16, 16, 0)).toThrow(TextError);
    expect(make(16, 16, 0)).toThrow(/16 tokens, fewer than the 17.*shorter --seq-len or more text/);
    expect(make(2 ** 32 + 1, 16, 0)).toThrow(TextError);
    for (const seqLen of [0, -1, 1.5, Number.NaN]) expect(make(100, seqLen, 0)).toThrow(OptionError);
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) expect(make(100, 10, seed)).toThrow(/^seed .* from 0/);
    const windows = make(100, 10, 0)();
    for (const index of [-1, 0.5, Number.NaN]) expect(() => windows.at(index)).toThrow(/window index/);
  });
});

describe("permute", () => {
  test("is a permutation for every small size", () => {
    for (let size = 1; size <= 130; size++) {
      const seen = new Set(Array.from({ length: size }, (_, index) => permute(index, size, size * 77)));
      expect(seen.size).toBe(size);
      expect(Math.max(...seen)).toBe(size - 1);
    }
  });

  test("stays inside the largest sizes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 31, max: 2 ** 32 }), fc.nat(), fc.nat(), (size, index, key) => {
        const to = permute(index, size, key);
        expect(to >= 0 && to < size).toBe(true);
      }),
    );
  });
});
