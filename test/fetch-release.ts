import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { DownloadError } from "../src/engine/errors.ts";
import { fetchFiles } from "../src/fetch/fetch.ts";
import type { FetchOptions, FetchProgress, FetchResult } from "../src/fetch/fetch-options.ts";
import { HubServer, sha256 } from "./hub-server.ts";
import { resetPauses } from "./pauses.ts";

/** A folder of a test file. */
export const folder = mkdtempSync(join(tmpdir(), "thunderbolt-fetch-"));
/** The files of a release that is none. */
export const weights = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 251));
export const tokenizer = Buffer.from('{"model": "é"}');
export const partName = `best.pt.${sha256(weights).slice(0, 12)}.part`;

/** Anew for each test: the server has these files and no faults, and the folder is empty. */
export let hub: HubServer;
export let out = "";
/** What the last call told. */
export let events: FetchProgress[] = [];

beforeAll(async () => {
  hub = await HubServer.start("models/changcheng967/flashlm-v5-thunderbolt");
});

beforeEach(() => {
  hub.serve({ "best.pt": weights, "tokenizer.json": tokenizer, "README.md": "# FlashLM" });
  out = mkdtempSync(join(folder, "out-"));
  resetPauses();
});

afterAll(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true });
});

export function fetchRelease(more: Partial<FetchOptions> = {}): Promise<FetchResult> {
  events = [];
  return fetchFiles({
    what: "flashlm-v5",
    out,
    ...more,
    hub: { endpoint: hub.url, token: "", ...more.hub },
    onProgress(event) {
      events.push(event);
      more.onProgress?.(event);
      if (event.kind === "working" && event.work === "fetching") hub.arrived(event.done);
    },
  });
}

/** Expects both files whole, and nothing beside them. */
export function expectWhole(): void {
  expect(readdirSync(out).sort()).toEqual(["best.pt", "tokenizer.json"]);
  expect(sha256(readFileSync(join(out, "best.pt")))).toBe(sha256(weights));
  expect(readFileSync(join(out, "tokenizer.json"))).toEqual(tokenizer);
}

/** Expects a call to fail, and gives its error. */
export async function expectFailure(message: RegExp, more: Partial<FetchOptions> = {}): Promise<DownloadError> {
  const error: unknown = await fetchRelease(more).catch((error: unknown) => error);
  if (!(error instanceof DownloadError)) throw new Error(`expected a DownloadError, not ${error}`);
  expect(error.message).toMatch(message);
  expect(error.code).toBe("DOWNLOAD_FAILED");
  return error;
}

/** Expects the last call to have waited, this long and for this reason. */
export function expectWait(seconds: number, reason: RegExp): void {
  expect(events).toContainEqual({ kind: "waiting", seconds, reason: expect.stringMatching(reason) });
}

export function put(name: string, content: string | Buffer): void {
  writeFileSync(join(out, name), content);
}
