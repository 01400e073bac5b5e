import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { encodeAsReleased } from "../src/corpus/as-released.ts";
import { tokensInMemory } from "../src/corpus/token-source.ts";
import { presets } from "../src/engine/config.ts";
import { OptionError, TextError } from "../src/engine/errors.ts";
import { evaluateTokens } from "../src/inference/evaluate.ts";
import { type ScoringJob, scoreStories } from "../src/inference/scoring.ts";
import { openCorpus } from "../src/run/open-corpus.ts";
import { prepare, verifyPrepared } from "../src/run/prepare.ts";
import { BYTE_ORDER, BYTE_SYMBOLS } from "../src/tokenizer/byte-symbols.ts";
import { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { SPECIAL_TOKENS } from "../src/tokenizer/vocabulary.ts";
import { oddConfig, randomRunner } from "./model.ts";

const folder = mkdtempSync(join(tmpdir(), "thunderbolt-released-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// the bytes, of which ! is 4 and the space 224, and one merge
const tokens = [...SPECIAL_TOKENS, ...BYTE_ORDER.map((byte) => BYTE_SYMBOLS[byte]), "ab"];
const json = JSON.stringify({
  pre_tokenizer: { type: "ByteLevel" },
  model: { type: "BPE", vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges: [["a", "b"]] },
});
const tokenizer = Tokenizer.fromJson(json);

// worked by hand: the lines "ab", "b a", "b" and "a"; no "ab" where "b a" and "b" meet, as one text would have it
const text = "ab\n\n \t b a \r\nb\n<|endoftext|>\na\n<|endoftext|>\n";
const end = [31, 95, 72, 81, 71, 82, 73, 87, 72, 91, 87, 95, 33]; // <|endoftext|>
const first = [260, 69, 224, 68, 69, ...end];
const all = [...first, 68, ...end];
const bytes = "ab\n\n \t b a \r\nb".length + "a".length;

describe("the release's preparation", () => {
  test("is what it is by hand", () => {
    expect(encodeAsReleased("ab\n\n \t b a \r\nb", tokenizer)).toEqual(first);
    expect(encodeAsReleased("\rab\r\rb", tokenizer)).toEqual([260, 69, ...end]);
    expect(encodeAsReleased(" \n", tokenizer)).toEqual(end);
  });

  test("fills a folder that is verified, and that train opens, with a text to score with or without", async () => {
    const [data, out, tokenizerPath] = ["text.txt", "prepared", "bytes.json"].map((name) => join(folder, name));
    writeFileSync(data, text);
    writeFileSync(tokenizerPath, json);
    const options = { texts: [data], out, tokenizer: tokenizerPath, asReleased: true, valShare: 0 };
    const result = { stories: 2, bytes, trainTokens: all.length, valTokens: 0, vocab: 261 };
    expect(await prepare(options)).toEqual(result);
    expect(await verifyPrepared(out)).toEqual(result);
    const shard = readFileSync(join(out, "train-00000.tokens"));
    expect([...new Uint16Array(shard.buffer.slice(shard.byteOffset, shard.byteOffset + shard.length))]).toEqual(all);
    const open = { data: out, vocabSize: 261, vocabGiven: undefined, tokenizerJson: undefined, signal: undefined };
    const { training, validation, close } = await openCorpus({ ...open, val: data });
    expect([training.tokens.eos, validation.tokens.eos]).toEqual([undefined, undefined]);
    for (const side of [training, validation]) {
      expect(side).toMatchObject({ stories: 2, bytes });
      const ids = new Uint16Array(side.tokens.length);
      side.tokens.read(0, ids);
      expect([...ids]).toEqual(all);
    }
    close();

    // a folder that says of itself that stories end is none of this kind
    const index = join(out, "index.json");
    writeFileSync(index, readFileSync(index, "utf8").replace('"asReleased": true', '"asReleased": false'));
    await expect(verifyPrepared(out)).rejects.toThrow(/train-00000\.tokens: its number of ends of stories is 0/);
  });

  test("is for weights that are there, with their tokenizer", async () => {
    const run = prepare({ texts: [folder], out: join(folder, "none"), asReleased: true });
    await expect(run).rejects.toThrow(OptionError);
    await expect(run).rejects.toThrow(/^asReleased is true without a tokenizer; give/);
  });
});

describe("a text without ends of stories is scored in windows", () => {
  /** What is scored, and the tokens before. */
  async function piecesOf(ids: readonly number[], seqLen: number): Promise<[before: number, ids: number[]][]> {
    const pieces: [number, number[]][] = [];
    const score = async ({ before, tokens, starts, nats }: ScoringJob) => {
      starts.slice(1).forEach((to, i) => {
        const from = starts[i];
        pieces.push([from === 0 ? before : tokens[from - 1], [...tokens.subarray(from, to)]]);
      });
      nats.fill(2);
    };
    const source = tokensInMemory(Uint16Array.from(ids), undefined);
    const result = await evaluateTokens(score, { ...presets.tiny, seqLen }, { tokens: source, bytes: 100 });
    expect(result).toMatchObject({ tokens: ids.length - 1, bytes: 100, natsPerToken: 2 });
    return pieces;
  }

  test("each from nothing but the token before it, and the first token not at all", async () => {
    expect(await piecesOf([10, 11, 12, 13, 14, 15, 16, 17], 3)).toEqual([
      [10, [11, 12, 13]],
      [13, [14, 15, 16]],
      [16, [17]],
    ]);
    // also where more than is handed out at a time
    const ids = Array.from({ length: 70_000 }, (_, i) => i & 0xff);
    const pieces = await piecesOf(ids, 1000);
    expect(pieces.flatMap(([, piece]) => piece)).toEqual(ids.slice(1));
    for (const [i, [before, piece]] of pieces.entries()) {
      expect([before, piece.length]).toEqual([ids[1000 * i], i === 69 ? 999 : 1000]);
    }
    await expect(piecesOf([10], 3)).rejects.toThrow(TextError);
  });

  test.each(["window", "token"] as const)("as PyTorch's loop does it, head norm over the %s", async (headNorm) => {
    const config = { ...oddConfig, headNorm };
    const T = config.seqLen;
    const runner = randomRunner(config);
    const ids = Uint16Array.from({ length: 3 * T + 5 }, (_, i) => (i * i * 7 + 3) % config.vocabSize);
    let nats = 0;
    for (let at = 0; at < ids.length - 1; at += T) {
      const targets = ids.subarray(at + 1, at + 1 + T);
      runner.forward(ids.subarray(at, at + targets.length));
      for (const nat of runner.nats(targets)) nats += nat;
    }
    const score = async (job: ScoringJob) => scoreStories(runner, job);
    const scored = await evaluateTokens(score, config, { tokens: tokensInMemory(ids, undefined), bytes: 50 });
    expect(scored.natsPerToken).toBeCloseTo(nats / (ids.length - 1), 12);
    expect(scored).toMatchObject({ tokens: ids.length - 1, causal: headNorm === "token" });
  });
});
