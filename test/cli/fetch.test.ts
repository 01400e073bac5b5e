import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { trainVocabulary } from "../../src/tokenizer/train-vocabulary.ts";
import { answer, HubServer, stallAfter } from "../hub-server.ts";
import { expectRefusal, json, put, sha256, temporaryFolder, thunderbolt, works } from "./harness.ts";

const folder = temporaryFolder();
const checkpoint = readFileSync(fileURLToPath(new URL("../fixtures/checkpoints/bare.pt", import.meta.url)));
let hub: HubServer;
let tokenizer = "";
let env: Record<string, string>;

beforeAll(async () => {
  hub = await HubServer.start("models/changcheng967/flashlm-v5-thunderbolt");
  tokenizer = await trainVocabulary(["Once"], 260);
  env = { HF_ENDPOINT: hub.url, HF_TOKEN: "", HF_HOME: folder, HF_HUB_DOWNLOAD_TIMEOUT: "30" };
});

afterAll(() => hub.stop());

beforeEach(() => hub.serve({ "best.pt": checkpoint, "tokenizer.json": tokenizer }));

const fetching = (out: string, ...more: string[]) => ["fetch", "flashlm-v5", "--out", out, ...more];

/** The part of best.pt in a folder, where it has this many bytes. */
function hasPart(out: string, bytes: number): boolean {
  const part = existsSync(out) && readdirSync(out).find((name) => /^best\.pt\.\w{12}\.part$/.test(name));
  return part ? statSync(join(out, part)).size === bytes : false;
}

test("fetch brings the released weights, which import takes over", async () => {
  const out = join(folder, "released");
  const result = await json(fetching(out), { env });
  expect(Object.keys(result)).toEqual(["files", "bytes"]);
  const [weights = "", tokens = ""] = result.files as string[];
  expect([weights, tokens]).toEqual([join(out, "best.pt"), join(out, "tokenizer.json")]);
  const bytes = checkpoint.length + Buffer.byteLength(tokenizer);
  expect(result.bytes).toBe(bytes);
  expect(await json(["import", weights, "--tokenizer", tokens, "--out", join(folder, "run")])).toMatchObject({
    parameters: 4836,
  });
  const { stdout } = await works(fetching(out), { env });
  expect(stdout).toBe(`${bytes.toLocaleString("en-US")} bytes, as the hub lists them:\n${weights}\n${tokens}\n`);
});

test("fetch tells how it goes, and what it waits for", async () => {
  hub.faults = [answer(503, { "retry-after": 0 })];
  const { stderr } = await works(fetching(join(folder, "told")), { env });
  expect(stderr).toMatch(/^changcheng967\/flashlm-v5-thunderbolt: 2 files, [\d,]+ bytes\n/);
  expect(stderr).toMatch(/^127\.0\.0\.1:\d+ answered 503 for best\.pt; trying again in 0 s$/m);
  expect(stderr).toMatch(/^fetching best\.pt \d+ of \d+ MB {2}[\d.]+ MB\/s {2}.* left$/m);
});

test("fetch stopped by Ctrl-C goes on where it was", async () => {
  const out = join(folder, "stopped");
  hub.faults = [stallAfter(1000)];
  const { code, stdout, stderr } = await thunderbolt(fetching(out), { env, interruptWhen: () => hasPart(out, 1000) });
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toMatch(/\nthunderbolt: stopped; what has come is kept, and fetching again goes on from there\n$/);
  await works(fetching(out), { env });
  expect(hub.rangesOf("best.pt")).toEqual(["", "bytes=1000-"]);
  expect(readdirSync(out).sort()).toEqual(["best.pt", "tokenizer.json"]);
  expect(readFileSync(join(out, "best.pt")).equals(checkpoint)).toBe(true);
});

test("fetch killed leaves nothing that looks finished, and goes on where it was", async () => {
  const out = join(folder, "killed");
  hub.faults = [stallAfter(1000)];
  const kill = { interruptWhen: () => hasPart(out, 1000), signal: "SIGKILL" } as const;
  expect(await thunderbolt(fetching(out), { env, ...kill })).toMatchObject({ signal: "SIGKILL" });
  expect(readdirSync(out)).toEqual([expect.stringMatching(/\.part$/)]);
  await works(fetching(out), { env });
  expect(hub.rangesOf("best.pt")).toEqual(["", "bytes=1000-"]);
});

test("fetch that fails says why in one line, with exit code 1", async () => {
  const gone = await HubServer.start("models/none");
  const nowhere = gone.url;
  await gone.stop();
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ HF_ENDPOINT: nowhere }, /there is no connection to 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/],
    [{ HF_ENDPOINT: "http://127.0.0.1:9" }, /there is no connection to 127\.0\.0\.1:9 \(bad port\)/],
    [{ HF_ENDPOINT: `${hub.url}/nowhere` }, /answered 404 for changcheng967\/flashlm-v5-thunderbolt: it is not there/],
  ];
  for (const [more, message] of cases) {
    const { code, stdout, stderr } = await thunderbolt(fetching(join(folder, "failed")), { env: { ...env, ...more } });
    expect(stderr).toMatch(/^thunderbolt: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  }
  expect(existsSync(join(folder, "failed"))).toBe(false);
});

test("fetch refuses what it cannot use in one line, with exit code 2", async () => {
  const mine = put(join(folder, "mine"), "best.pt", "mine");
  const file = put(folder, "file", "");
  mkdirSync(join(folder, "home"));
  const refused = async (args: readonly string[], culprit: RegExp, more: Record<string, string> = {}) =>
    expectRefusal(await thunderbolt(args, { env: { ...env, ...more } }), culprit);
  await refused(["fetch", "toString"], /there is no "toString"/);
  await refused(fetching(file), /--out is .*file is a file/);
  await refused(fetching(folder), /HF_ENDPOINT\) is nowhere/, { HF_ENDPOINT: "nowhere" });
  const { code, stderr } = await thunderbolt(fetching(join(folder, "mine")), { env });
  expect(code).toBe(2);
  expect(stderr).toMatch(/mine\/best\.pt is there, but it is not the hub's; replace it with --overwrite/);
  expect(readFileSync(mine, "utf8")).toBe("mine");
  await works(fetching(join(folder, "mine"), "--overwrite"), { env });
  expect(sha256(mine)).toBe(sha256(join(folder, "released", "best.pt")));
});
