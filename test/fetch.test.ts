import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { OptionError } from "../src/engine/errors.ts";
import { fetchFiles } from "../src/fetch/fetch.ts";
import type { FetchProgress } from "../src/fetch/fetch-options.ts";
import { hubSettings } from "../src/fetch/hub-settings.ts";
import {
  events,
  expectFailure,
  expectWait,
  expectWhole,
  fetchRelease,
  folder,
  hub,
  out,
  partName,
  put,
  tokenizer,
  weights,
} from "./fetch-release.ts";
import { answer, HubServer, stallAfter } from "./hub-server.ts";
import { duringPauses, pauses } from "./pauses.ts";

// the pauses before what failed is tried again
vi.mock("node:timers/promises", () => import("./pauses.ts"));

describe("what is fetched", () => {
  test("is what the listing names, once", async () => {
    const expected = { files: [join(out, "best.pt"), join(out, "tokenizer.json")], bytes: 100_000 + tokenizer.length };
    expect(await fetchRelease()).toEqual(expected);
    expectWhole();
    expect(events[0]).toEqual({
      kind: "found",
      repo: "changcheng967/flashlm-v5-thunderbolt",
      files: 2,
      bytes: expected.bytes,
    });
    expect(events).toContainEqual({ kind: "working", work: "fetching", file: "best.pt", done: 100_000, all: 100_000 });
    expect(events).toContainEqual({ kind: "working", work: "checking", file: "best.pt", done: 100_000, all: 100_000 });
    hub.requests.length = 0;
    expect(await fetchRelease()).toEqual(expected);
    expect(hub.requests.map(({ path }) => path)).toEqual([
      "/api/models/changcheng967/flashlm-v5-thunderbolt/tree/main",
    ]);
  });

  test("is what a listing of several pages has, in whichever folder, under its name alone", async () => {
    hub.serve({
      "a.bin": "1",
      "b.bin": "2",
      "results é/best.pt": weights,
      "c.bin": "3",
      "results é/tokenizer.json": tokenizer,
    });
    hub.pageSize = 2;
    await fetchRelease();
    expectWhole();
    hub.serve({ "../../best.pt": weights, "tokenizer.json": tokenizer });
    await fetchRelease();
    expectWhole();
  });

  test("is whatever weights there are, where none is called best.pt", async () => {
    const old = { "old/model.safetensors": "old", "old/final.pt": weights };
    hub.serve({ ...old, "model.safetensors": weights, "tokenizer.json": tokenizer });
    const { files } = await fetchRelease();
    expect(files).toEqual(["model.safetensors", "final.pt", "tokenizer.json"].map((name) => join(out, name)));
  });

  test("is nothing where something is missing", async () => {
    hub.serve({ "best.pt": weights, "README.md": "" });
    await expectFailure(
      /^the repository changcheng967\/flashlm-v5-thunderbolt holds no tokenizer\.json; it holds best\.pt, README\.md$/,
    );
    hub.serve({ "tokenizer.json": tokenizer });
    await expectFailure(/holds no weights/);
    hub.serve({});
    await expectFailure(/holds nothing/);
    expect(readdirSync(out)).toEqual([]);
  });

  test("may be the data set, and may be empty", async () => {
    const stories = await HubServer.start("datasets/roneneldan/TinyStories");
    stories.serve({
      "TinyStories-train.txt": "old",
      "TinyStoriesV2-GPT4-train.txt": "Once.",
      "TinyStoriesV2-GPT4-valid.txt": "",
    });
    const { files, bytes } = await fetchFiles({ what: "tinystories", out, hub: { endpoint: `${stories.url}/` } });
    await stories.stop();
    expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(["Once.", ""]);
    expect(files[0]).toMatch(/TinyStoriesV2-GPT4-train\.txt$/);
    expect(bytes).toBe(5);
  });
});

describe("an answer", () => {
  test("that is busy is asked again, as late as it says", async () => {
    hub.listingFaults = [(response) => response.writeHead(500).end(), (response) => response.writeHead(503).end()];
    hub.faults = [
      answer(429, { "retry-after": 7 }),
      answer(502),
      answer(504, { "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }),
    ];
    await fetchRelease();
    expectWhole();
    expect(pauses).toEqual([1, 2, 7, 2, 0]);
    expectWait(7, /answered 429 for best\.pt$/);
  });

  test("that stays busy, or asks for an hour, is an error", async () => {
    hub.faults = Array.from({ length: 9 }, () => answer(503));
    const error = await expectFailure(/answered 503 for best\.pt$/);
    expect(error.temporary).toBe(true);
    expect(pauses).toEqual([1, 2, 4, 8, 16]);
    pauses.length = 0;
    hub.faults = [answer(429, { "retry-after": 3600 })];
    expect((await expectFailure(/answered 429/)).retryAfter).toBe(3600);
    expect(pauses).toEqual([]);
    expect(readdirSync(out)).toEqual([]);
  });

  test("that refuses is an error at once, and says what may do", async () => {
    const listing = (status: number) => {
      hub.listingFaults = [(response) => response.writeHead(status).end()];
    };
    listing(401);
    await expectFailure(
      /answered 401 for changcheng967\/flashlm-v5-thunderbolt: it is private or gone; HF_TOKEN takes a token/,
    );
    listing(403);
    await expectFailure(
      /answered 403 for .*: the token \(HF_TOKEN, or the one that was saved\) is not valid, or may not/,
      {
        hub: { token: "hf_secret" },
      },
    );
    listing(404);
    await expectFailure(/answered 404 for .*: it is not there$/);
    hub.faults = [answer(404)];
    await expectFailure(/answered 404 for best\.pt: it is not there$/);
    expect(pauses).toEqual([]);
    expect(readdirSync(out)).toEqual([]);
  });

  test.each(["<html>Log in to the hotel</html>", "{}", '[{"type": "file", "path": "best.pt", "size": 1}]', "[null]"])(
    "that is no listing is an error: %s",
    async (text) => {
      hub.listingFaults = [(response) => response.writeHead(200).end(text)];
      await expectFailure(
        /^http:\/\/127\.0\.0\.1:\d+ does not list the files of changcheng967\/flashlm-v5-thunderbolt \(/,
      );
    },
  );

  test("that leads on without end is an error", async () => {
    hub.faults = [answer(302, { location: "/blob/best.pt" })];
    await fetchRelease();
    expectWhole();
    rmSync(join(out, "best.pt"));
    hub.faults = Array.from({ length: 20 }, () => answer(302, { location: "/blob/best.pt" }));
    await expectFailure(/leads from one place to another without end/);
  });
});

test("the token goes to the hub, and to no other host that it names", async () => {
  hub.pageSize = 2;
  await fetchRelease({ hub: { token: "secret" } });
  expectWhole();
  const by = (host: string) =>
    new Set(hub.requests.filter((seen) => seen.host === host).map((seen) => seen.authorization));
  expect(by("hub")).toEqual(new Set(["Bearer secret"]));
  expect(by("cdn")).toEqual(new Set([undefined]));
  hub.requests.length = 0;
  hub.listingFaults = [(response) => response.writeHead(200, { link: `<${hub.cdnUrl}/next>; rel="next"` }).end("[]")];
  await expectFailure(/answered 404/, { hub: { token: "secret" } });
  expect(hub.requests.map(({ host, authorization }) => [host, authorization])).toEqual([
    ["hub", "Bearer secret"],
    ["cdn", undefined],
  ]);
});

describe("a signal", () => {
  test("ends it, and what has come stays", async () => {
    const controller = new AbortController();
    hub.faults = [stallAfter(30_000)];
    const onProgress = (event: FetchProgress) => {
      if (event.kind === "working" && event.done === 30_000) controller.abort();
    };
    const work = fetchRelease({ signal: controller.signal, onProgress });
    await expect(work).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(readdirSync(out)).toEqual([partName]);
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual(["", "bytes=30000-"]);
  });

  test("ends a pause and a check, and what has not begun", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    hub.faults = [answer(503)];
    duringPauses(() => controller.abort());
    await expect(fetchRelease({ signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
    hub.requests.length = 0;
    await expect(fetchRelease({ signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(hub.requests).toEqual([]);
    put("best.pt", weights);
    const check = new AbortController();
    const onProgress = (event: FetchProgress) => {
      if (event.kind === "working") check.abort();
    };
    await expect(fetchRelease({ signal: check.signal, onProgress })).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

describe("the disk", () => {
  test("keeps files of the same names, unless they may be replaced", async () => {
    put("tokenizer.json", "mine");
    await expect(fetchRelease()).rejects.toThrow(
      new OptionError(
        `${join(out, "tokenizer.json")} is there, but it is not the hub's; replace it with --overwrite, or give another --out`,
      ),
    );
    // as long, but other bytes
    put("tokenizer.json", Buffer.alloc(tokenizer.length, "x"));
    await expect(fetchRelease()).rejects.toThrow(/--overwrite/);
    expect(readdirSync(out)).toEqual(["tokenizer.json"]);
    await fetchRelease({ overwrite: true });
    expectWhole();
  });

  test("is not written to where it has no room for all", async () => {
    hub.listingFaults = [
      (response) => {
        const huge = { type: "file", path: "best.pt", size: 2 ** 53, oid: "0".repeat(40) };
        response.end(JSON.stringify([huge, { ...huge, path: "tokenizer.json", size: 1 }]));
      },
    ];
    await expectFailure(
      /^the disk of .* has room for \d+ MB, and 9007199255 MB are to come; make room, or give another --out$/,
    );
    expect(hub.requests).toHaveLength(1);
  });

  test.skipIf(!existsSync("/dev/full"))("may be full in the middle", async () => {
    symlinkSync("/dev/full", join(out, partName));
    await expectFailure(
      /best\.pt\.\w+\.part could not be written: there is no space left on the disk; what has come stays for the next time$/,
    );
  });

  test("may refuse", async () => {
    mkdirSync(join(out, partName));
    await expectFailure(/could not be written: it is a folder/);
  });
});

describe("hubSettings", () => {
  test("reads what the hub's own programs read", () => {
    const home = join(folder, "home");
    mkdirSync(join(home, "huggingface"), { recursive: true });
    writeFileSync(join(home, "huggingface", "token"), "hf_saved\n");
    writeFileSync(join(home, "other"), "hf_other");
    expect(hubSettings({}, { XDG_CACHE_HOME: home })).toEqual({
      endpoint: "https://huggingface.co",
      token: "hf_saved",
      idleSeconds: 30,
    });
    const token = (env: NodeJS.ProcessEnv) => hubSettings({}, { XDG_CACHE_HOME: home, ...env }).token;
    expect(token({ HF_HOME: join(home, "huggingface") })).toBe("hf_saved");
    expect(token({ HF_HOME: home })).toBe("");
    expect(token({ HF_TOKEN_PATH: join(home, "other") })).toBe("hf_other");
    expect(token({ HF_TOKEN: " hf_given " })).toBe("hf_given");
    expect(token({ HF_TOKEN: "" })).toBe("hf_saved");
    expect(hubSettings({ token: "" }, { HF_TOKEN: "hf_given" }).token).toBe("");
    const env = { HF_ENDPOINT: "http://localhost:8080/hub//", HF_HUB_DOWNLOAD_TIMEOUT: "2.5", HF_HOME: home };
    expect(hubSettings({}, env)).toEqual({ endpoint: "http://localhost:8080/hub", token: "", idleSeconds: 2.5 });
  });

  test.each<[NodeJS.ProcessEnv, RegExp]>([
    [{ HF_ENDPOINT: "huggingface.co" }, /HF_ENDPOINT\) is huggingface\.co; /],
    [{ HF_ENDPOINT: "file:///tmp" }, /HF_ENDPOINT\) is file:/],
    [{ HF_TOKEN: "hf_a\nb" }, /HF_TOKEN.* has characters that no token has/],
    [{ HF_HUB_DOWNLOAD_TIMEOUT: "soon" }, /HF_HUB_DOWNLOAD_TIMEOUT\) are NaN; /],
    [{ HF_HUB_DOWNLOAD_TIMEOUT: "0" }, /HF_HUB_DOWNLOAD_TIMEOUT\) are 0; /],
  ])("refuses %j", (env, message) => {
    expect(() => hubSettings({}, { HF_HOME: folder, ...env })).toThrow(message);
  });
});
