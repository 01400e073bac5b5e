// The model that ships is what its card says: models/README.md.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { thunderbolt } from "./cli/harness.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const model = "models/tinystories.thunderbolt";
const card = readFileSync(join(root, "models/README.md"), "utf8");

/** What a command prints as JSON. */
async function told(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await thunderbolt([...args, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe.concurrent("the model that ships", () => {
  test("is small, and the file that the card names", async () => {
    expect(statSync(join(root, model)).size).toBeLessThan(5_000_000);
    const { sha256 } = await told("info", model);
    expect(card).toContain(sha256);
  });

  test("is causal", async () => {
    expect(await told("audit", model)).toMatchObject({ causal: true, largestLeak: 0 });
  });

  test("scores what the card says, by windows and as a stream", async () => {
    for (const mode of ["window", "stream"]) {
      const { bitsPerByte } = await told("eval", model, "--data", "data/tinystories-held-out.txt", "--mode", mode);
      expect(card).toContain(`| \`data/tinystories-held-out.txt\` | ${Number(bitsPerByte).toFixed(4)} |`);
    }
  });

  test("tells the stories of the card, without being named", async () => {
    const { texts } = await told("generate", "--count", "5");
    const quoted = card.replaceAll(/^> ?/gm, "");
    for (const { text } of texts as { text: string }[]) expect(quoted).toContain(`Once upon a time${text}`);
  });
});
