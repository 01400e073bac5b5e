import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import {
  events,
  expectFailure,
  expectWait,
  expectWhole,
  fetchRelease,
  hub,
  out,
  partName,
  put,
  tokenizer,
  weights,
} from "./fetch-release.ts";
import { answer, gitHash, HubServer, sha256, stallAfter } from "./hub-server.ts";
import { duringPauses, pauses } from "./pauses.ts";

// the pauses before what failed is tried again
vi.mock("node:timers/promises", () => import("./pauses.ts"));

describe("a connection that breaks", () => {
  test("is gone on with", async () => {
    hub.faults = [hub.breakAfter(30_000), hub.breakAfter(20_000)];
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual(["", "bytes=30000-", "bytes=50000-"]);
    expect(events.filter(({ kind }) => kind === "waiting")).toEqual([
      {
        kind: "waiting",
        seconds: 1,
        reason: expect.stringMatching(/^the connection to 127\.0\.0\.1:\d+ broke \(\w+\)$/),
      },
      { kind: "waiting", seconds: 2, reason: expect.stringMatching(/broke/) },
    ]);
  });

  test("is gone on with by a later call, from the byte that it had come to", async () => {
    hub.faults = [hub.breakAfter(30_000), answer(403)];
    await expectFailure(/answered 403 for best\.pt$/);
    expect(readFileSync(join(out, partName))).toEqual(weights.subarray(0, 30_000));
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual(["", "bytes=30000-", "bytes=30000-"]);
  });

  test("is given up after six times in a row, but not while it gets on", async () => {
    const large = Buffer.alloc(9 * 2 ** 20, "0123456789");
    hub.serve({ "best.pt": large, "tokenizer.json": tokenizer });
    hub.faults = Array.from({ length: 8 }, () => hub.breakAfter(2 ** 20));
    await fetchRelease();
    expect(sha256(readFileSync(join(out, "best.pt")))).toBe(sha256(large));
    expect(pauses).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    rmSync(join(out, "best.pt"));
    pauses.length = 0;
    hub.faults = Array.from({ length: 9 }, () => hub.breakAfter(10));
    await expectFailure(/broke/);
    expect(pauses).toEqual([1, 2, 4, 8, 16]);
  });

  test("may be one that nothing comes from", async () => {
    hub.faults = [stallAfter(0), stallAfter(500)];
    await fetchRelease({ hub: { idleSeconds: 0.3 } });
    expectWhole();
    expectWait(1, /^nothing came from 127\.0\.0\.1:\d+ for 0\.3 s$/);
  });

  test("is not tried again where there never was one", async () => {
    const gone = await HubServer.start("models/none");
    const endpoint = gone.url;
    await gone.stop();
    const error = await expectFailure(/^there is no connection to 127\.0\.0\.1:\d+ \(ECONNREFUSED\)$/, {
      hub: { endpoint },
    });
    expect(error.temporary).toBe(false);
    expect(pauses).toEqual([]);
  });
});

describe("a part", () => {
  test("of another version is removed", async () => {
    put(`best.pt.${"0".repeat(12)}.part`, "of another version");
    put("best.pt.backup.part", "not ours");
    await fetchRelease();
    expect(readFileSync(join(out, "best.pt.backup.part"), "utf8")).toBe("not ours");
    rmSync(join(out, "best.pt.backup.part"));
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual([""]);
  });

  test("that is damaged is fetched anew", async () => {
    put(partName, Buffer.alloc(40_000, "x"));
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual(["bytes=40000-", ""]);
    expectWait(1, /^best\.pt came with the hash/);
  });

  test("that is complete, or longer than the file, is asked nothing for", async () => {
    put(partName, weights);
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual([]);
    rmSync(join(out, "best.pt"));
    put(partName, Buffer.concat([weights, weights]));
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual([""]);
  });

  test("is fetched anew from a server that ignores ranges, or has no such range", async () => {
    put(partName, weights.subarray(0, 40_000));
    hub.faults = [answer(200, { "content-length": weights.length }, weights)];
    await fetchRelease();
    expectWhole();
    rmSync(join(out, "best.pt"));
    put(partName, weights.subarray(0, 40_000));
    hub.faults = [answer(416)];
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual(["bytes=40000-", "bytes=40000-", ""]);
  });

  test.each(["bytes 0-99999/100000", "bytes 40000-99999/100001", "bytes */100000", "x"])(
    "is not gone on with by %s",
    async (range) => {
      put(partName, weights.subarray(0, 40_000));
      hub.faults = [answer(206, { "content-range": range }, weights.subarray(40_000))];
      await expectFailure(/sends .* of best\.pt, and bytes 40000- of 100000 are missing$/);
      expect(readFileSync(join(out, partName))).toEqual(weights.subarray(0, 40_000));
    },
  );
});

describe("bytes that are not the file's are refused:", () => {
  const wrong = Buffer.from(weights);
  wrong[70_000] = 255;

  test("wrong ones", async () => {
    hub.faults = [answer(200, {}, wrong)];
    await expectFailure(
      new RegExp(`^best\\.pt came with the hash ${sha256(wrong)}, and the hub lists ${sha256(weights)}$`),
    );
    expect(readdirSync(out)).toEqual([]);
    // a part is given the benefit of the doubt once
    put(partName, weights.subarray(0, 10));
    const rest = answer(206, { "content-range": "bytes 10-99999/100000" }, wrong.subarray(10));
    hub.faults = [
      rest,
      hub.breakAfter(20),
      answer(206, { "content-range": "bytes 20-99999/100000" }, wrong.subarray(20)),
    ];
    await expectFailure(/came with the hash/);
    expect(readdirSync(out)).toEqual([]);
  });

  test("wrong ones of a small file, which git knows by another hash", async () => {
    const other = Buffer.from('{"model": "e!"}');
    hub.faults = [undefined, answer(200, {}, other)];
    await expectFailure(new RegExp(`^tokenizer\\.json came with the hash ${gitHash(other)}`));
    expect(readdirSync(out)).toEqual(["best.pt"]);
  });

  test("a length that is not the listed one", async () => {
    hub.faults = [answer(200, { "content-length": 100_001 }, Buffer.concat([weights, Buffer.from("!")]))];
    await expectFailure(/wants to send 100001 bytes of best\.pt, not 100000$/);
    hub.faults = [answer(200, { "content-length": 99_999 }, weights.subarray(0, 99_999))];
    await expectFailure(/wants to send 99999 bytes/);
    expect(readdirSync(out)).toEqual([]);
    // which costs nothing of a part
    put(partName, weights.subarray(0, 40_000));
    hub.faults = [answer(200, { "content-length": 12 }, Buffer.from("Please login"))];
    await expectFailure(/wants to send 12 bytes of best\.pt, not 100000$/);
    await fetchRelease();
    expect(hub.rangesOf("best.pt").at(-1)).toBe("bytes=40000-");
  });

  test("more than listed, where no length was told", async () => {
    hub.faults = [answer(200, {}, Buffer.concat([weights, weights]))];
    await expectFailure(/sends more of best\.pt than the 100000 bytes that the hub lists$/);
    expect(readdirSync(out)).toEqual([]);
  });

  test("less than listed, where no length was told: the rest is asked for", async () => {
    hub.faults = [answer(200, { "transfer-encoding": "chunked" }, weights.subarray(0, 60_000))];
    await fetchRelease();
    expectWhole();
    expect(hub.rangesOf("best.pt")).toEqual(["", "bytes=60000-"]);
    expectWait(1, /stopped after 60000 of 100000 bytes/);
  });

  test("those of a file that has changed between the listing, or an attempt, and the next", async () => {
    hub.faults = [hub.breakAfter(30_000)];
    duringPauses(() => {
      hub.linkedEtag = sha256(wrong);
    });
    await expectFailure(/^best\.pt has just changed on 127\.0\.0\.1:\d+; fetch it again$/);
    expect(hub.rangesOf("best.pt")).toHaveLength(1 + 1);
    hub.serve({ "best.pt": wrong, "tokenizer.json": tokenizer });
    await fetchRelease();
    expect(readdirSync(out).sort()).toEqual(["best.pt", "tokenizer.json"]);
    expect(hub.rangesOf("best.pt")).toEqual([""]);
  });
});
