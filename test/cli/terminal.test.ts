// What the command shows on a terminal, which `script` plays, and where there is none.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { smallInputs, temporaryFolder, thunderbolt, works } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const run = join(folder, "run");
const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const held = fileURLToPath(new URL("../../data/tinystories-held-out.txt", import.meta.url));
const scoring = ["eval", run, "--data", held, "--workers", "1"];
const script = spawnSync("script", ["--version"], { encoding: "utf8" });

beforeAll(async () => {
  await works([...inputs.train, "--steps", "2", "--out", run]);
});

/** What the command writes to a terminal of so many columns. */
function onTerminal(columns: number, args: readonly string[], env: Record<string, string> = {}): string {
  const command = [process.execPath, cli, ...args].map((arg) => `'${arg}'`).join(" ");
  const { status, stdout } = spawnSync(
    "script",
    ["-qec", `stty cols ${columns}; ${command}`, join(folder, "typescript")],
    {
      encoding: "utf8",
      env: { ...process.env, ...env },
    },
  );
  expect(status, stdout).toBe(0);
  return stdout;
}

describe.skipIf(!/util-linux/.test(script.stdout ?? ""))(
  "on a terminal (skipped without the script of util-linux)",
  () => {
    test("a bar moves, with speed and time left, and what follows begins a line", () => {
      const shown = onTerminal(120, scoring);
      const [, ...moves] = shown.split("\r\u001b[K");
      expect(moves.length).toBeGreaterThan(1);
      for (const move of moves)
        expect(move).toMatch(/^█*░* scoring [\d,]+ of [\d,]+ tokens {2}[\d,]+ tokens\/s {2}\d+ s left/);
      expect(shown).toMatch(/s left\r\n\d\.\d{4} bits\/byte/);
    });

    test("it is no longer than a line", () => {
      for (const columns of [60, 20]) {
        const [, ...moves] = onTerminal(columns, scoring).split("\r\u001b[K");
        for (const move of moves) expect((move.split("\r\n")[0] ?? "").length).toBeLessThan(columns);
      }
    });

    test("it has no colour, and no bar where the terminal can move nothing", () => {
      const escapes = (text: string) =>
        text
          .split("\u001b")
          .slice(1)
          .map((rest) => rest.slice(0, 2));
      expect(new Set(escapes(onTerminal(80, scoring, { NO_COLOR: "1" })))).toEqual(new Set(["[K"]));
      expect(escapes(onTerminal(80, scoring, { TERM: "dumb" }))).toEqual([]);
    });
  },
);

test("elsewhere there are plain lines on stderr, whatever asks for colours", async () => {
  const { stdout, stderr } = await works(scoring, { env: { FORCE_COLOR: "1" } });
  expect(stdout).toMatch(/^\d\.\d{4} bits\/byte .*\n.* tokens\/s\n$/);
  expect(stderr).toMatch(/^(scoring [\d,]+ of [\d,]+ tokens {2}[\d,]+ tokens\/s {2}\d+ s left\n)+$/);
});

test("Ctrl-C ends at once what has nothing to save; a shell calls that 130", async () => {
  const { code, signal, stdout } = await thunderbolt(["eval", run, "--data", "data/tinystories.txt"], {
    interruptAt: /scoring/,
  });
  expect({ code, signal, stdout }).toEqual({ code: null, signal: "SIGINT", stdout: "" });
});
