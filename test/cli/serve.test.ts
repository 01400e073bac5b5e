import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { expectRefusal, json, put, smallInputs, temporaryFolder, thunderbolt, works } from "./harness.ts";
import { servingModel } from "./serving.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const run = join(folder, "stories");

beforeAll(async () => {
  await works([...inputs.train, "--steps", "2", "--out", run]);
});

/** Serves the run. */
const serving = (...rest: Tail<Parameters<typeof servingModel>>) => servingModel(run, ...rest);
type Tail<T> = T extends [unknown, ...infer Rest] ? Rest : never;

test("serve says where it listens, gives what generate gives, and ends with 0 when it is told to", async () => {
  const asked = ["--prompt", "The dog", "--max-tokens", "20", "--seed", "3"];
  const { text } = await json(["generate", run, ...asked]);
  for (const workers of ["1", "2"]) {
    const { code, stdout, stderr } = await serving(["--json", "--workers", workers], async (line) => {
      const { url, model, page } = JSON.parse(line);
      expect({ url, model, page }).toMatchObject({
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        model: "stories",
      });
      const response = await fetch(`${url}/v1/completions`, {
        method: "POST",
        body: JSON.stringify({ prompt: "The dog", max_tokens: 20, seed: 3 }),
      });
      const { choices } = (await response.json()) as { choices: { text: string }[] };
      expect(choices[0].text).toBe(text);
    });
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr.trim()).toBe("stopping; Ctrl-C again stops at once");
    expect(code).toBe(0);
  }
});

test("serve ends with 130 at Ctrl-C, after the streams that it still sends", async () => {
  let events = "";
  const { code, stdout } = await serving(
    [],
    async (line) => {
      const [, url] = /^serving \S+ as "stories" at (http:\S+)$/.exec(line) ?? [];
      const response = await fetch(`${url}/v1/completions`, {
        method: "POST",
        body: JSON.stringify({ prompt: "The dog", max_tokens: 400, seed: 3, stream: true, temperature: 0 }),
      });
      void response.text().then((text) => {
        events = text;
      });
    },
    "SIGINT",
  );
  expect(stdout).toMatch(/^serving /);
  expect(code).toBe(130);
  await new Promise(setImmediate);
  expect(events).toMatch(/\ndata: \[DONE\]\n\n$/);
});

test("serve takes its token from the environment, and warns of a server that asks for none", async () => {
  const status = async (line: string) => (await fetch(`${JSON.parse(line).url}/v1/models`)).status;
  const asked = await serving(
    ["--json", "--host", "0.0.0.0"],
    async (line) => expect(await status(line)).toBe(401),
    "SIGTERM",
    {
      THUNDERBOLT_TOKEN: "secret",
    },
  );
  expect(asked.stderr).not.toMatch(/warning/);
  const open = await serving(["--json", "--host", "0.0.0.0"], async (line) => expect(await status(line)).toBe(200));
  expect(open.stderr).toMatch(/^warning: whoever reaches http:\/\/0\.0\.0\.0:\d+ can use it; --token/);
});

test("serve ends with 1 and one line when a thread of it has died", async () => {
  const preload = put(folder, "kill.mjs", 'process.on("worker", (t) => process.on("SIGUSR2", () => t.terminate()));');
  const { code, stderr } = await serving(
    ["--json", "--workers", "2", "--max-tokens", "1000000"],
    async (line, child) => {
      const { url } = JSON.parse(line);
      const ask = (body: object) =>
        fetch(`${url}/v1/completions`, { method: "POST", body: JSON.stringify({ prompt: "The dog", ...body }) });
      // Node 20 itself may crash when a thread is ended while it starts, so each has worked before
      for (const { ok } of await Promise.all(Array.from({ length: 8 }, () => ask({ max_tokens: 20 })))) {
        expect(ok).toBe(true);
      }
      const stream = await ask({ max_tokens: 1e6, temperature: 0, stream: true });
      child.kill("SIGUSR2");
      expect(await stream.text()).toMatch(/data: \{"error":\{"message":"the server failed at this request"[^\n]*\n\n$/);
      if (child.exitCode === null) await new Promise((resolve) => child.once("exit", resolve));
    },
    "SIGTERM",
    { NODE_OPTIONS: `--import ${pathToFileURL(preload)}` },
  );
  expect(stderr).toMatch(/^thunderbolt: a worker thread failed in the middle of its work: [^\n]+\n$/);
  expect(code).toBe(1);
});

test("serve refuses what it cannot do in one line", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  const refusals: [string[], RegExp][] = [
    [["--port", String(port)], new RegExp(`--port is ${port}, which is in use on 127\\.0\\.0\\.1; give another, or 0`)],
    [["--port", "65536"], /--port is 65536/],
    [["--host", "192.0.2.1", "--port", "0"], /--host is 192\.0\.2\.1, on which this machine cannot listen/],
    [["--token", "no spaces"], /--token is not of letters/],
    [["--sessions", "0"], /--sessions is 0/],
    [["--max-body", "0"], /--max-body is 0/],
    [["--timeout", "0.5"], /--timeout is 0\.5/],
    [["--workers", "0"], /--workers is 0/],
  ];
  await Promise.all(
    refusals.map(async ([args, culprit]) => expectRefusal(await thunderbolt(["serve", run, ...args]), culprit)),
  );
  taken.close();
});
