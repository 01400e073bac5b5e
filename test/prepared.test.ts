import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCorpusIndex } from "../src/corpus/corpus-index.ts";
import { ThunderboltError } from "../src/engine/errors.ts";
import { RandomSequence } from "../src/engine/random.ts";
import { prepare } from "../src/run/prepare.ts";
import { openPrepared, verifyShards } from "../src/run/prepared-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "thunderbolt-prepared-"));
const intact = join(folder, "intact");
const damaged = join(folder, "damaged");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const text = join(folder, "text.txt");
  writeFileSync(text, Array.from({ length: 300 }, (_, i) => `Story ${i} of a dog.\n<|endoftext|>\n`).join(""));
  await prepare({ texts: [text], out: intact, vocab: 280 });
  cpSync(intact, damaged, { recursive: true });
});

/** Damages some bytes in one of the ways in which files come to be damaged. */
function mutate(bytes: Buffer, random: RandomSequence): Buffer {
  const upTo = (n: number) => Math.floor(random.next() * n);
  const at = upTo(bytes.length);
  const count = 1 + upTo(8);
  switch (upTo(6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + count), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes, Buffer.alloc(count, upTo(256))]);
    case 4: {
      const digit = Buffer.from(bytes);
      // another digit where there is one, so that the file is still of its form
      const place = digit.findIndex((byte, i) => i >= at && byte >= 0x30 && byte <= 0x39);
      digit[Math.max(0, place)] = 0x30 + upTo(10);
      return digit;
    }
    default: {
      const flipped = Buffer.from(bytes);
      for (let i = 0; i < count; i++) {
        const place = upTo(bytes.length);
        flipped[place] = (flipped[place] ?? 0) ^ (1 << upTo(8));
      }
      return flipped;
    }
  }
}

test("a folder with a damaged file is refused, or is what it was: 500 of them", async () => {
  const random = new RandomSequence(20_26);
  const names = readdirSync(intact).sort();
  const index = readCorpusIndex(readFileSync(join(intact, "index.json"), "utf8"));
  const outcomes = { refused: 0, same: 0 };
  for (let round = 0; round < 500; round++) {
    const name = names[round % names.length] ?? "";
    const good = readFileSync(join(intact, name));
    writeFileSync(join(damaged, name), mutate(good, random));
    try {
      const opened = openPrepared(damaged);
      await verifyShards(opened);
      // white space and the like: all that the index says is what it said
      expect(opened.index, `round ${round}`).toEqual(index);
      outcomes.same++;
    } catch (error) {
      expect(error, `round ${round}, ${name}`).toBeInstanceOf(ThunderboltError);
      const { message } = error as ThunderboltError;
      expect(message).not.toContain("\n");
      expect(message).toContain(damaged);
      outcomes.refused++;
    }
    writeFileSync(join(damaged, name), good);
  }
  expect(outcomes.refused).toBeGreaterThan(450);
});
