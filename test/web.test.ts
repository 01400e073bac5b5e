import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { loadModel, trainText } from "../src/index.ts";
import { drawnPixels, executablePath, launchChromium, noChromium, openWatched } from "./chromium.ts";
import { smallInputs, temporaryFolder } from "./cli/harness.ts";
import { serveWeb, type WebServer } from "./web-server.ts";

const folder = temporaryFolder();
const built = new URL("../dist/web/", import.meta.url).pathname;
if (!executablePath) console.warn(`test/web.test.ts is skipped: ${noChromium}`);

/** Far too little for stories, but enough to compare. */
const STEPS = 4;
const text = readFileSync(smallInputs(folder).text, "utf8");

test("the page is small", () => {
  const files = readdirSync(built).filter((file) => !["stories.txt.gz", "licences.txt"].includes(file));
  const total = files.reduce((sum, file) => sum + statSync(join(built, file)).size, 0);
  expect(total).toBeLessThan(260_000);
  expect(readFileSync(join(built, "index.html"), "utf8")).not.toMatch(
    /<script>|<style>|\s(on\w+|style)=|(src|<link[^>]*href)="\w+:/,
  );
});

describe.skipIf(!executablePath)("the page in Chromium", () => {
  let browser: Browser;
  let model: Uint8Array;
  let trainedByNode: Uint8Array;
  const servers: WebServer[] = [];
  /** What a page must not do. */
  const faults: string[] = [];

  beforeAll(async () => {
    const config = { dModel: 16, nHeads: 2, nLayers: 2, dFfn: 32, vocabSize: 300, seqLen: 16 };
    browser = await launchChromium();
    ({ file: model } = await trainText({ config, kernels: "single", batch: 4, text, steps: 30 }));
    ({ file: trainedByNode } = await trainText({ kernels: "single", text, steps: STEPS }));
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await Promise.all(servers.splice(0).map((server) => server.close()));
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(() => browser?.close());

  async function serve(isolated: boolean, besides?: Uint8Array): Promise<WebServer> {
    const server = await serveWeb(isolated, besides);
    servers.push(server);
    return server;
  }

  const openPage = (url: string, options?: BrowserContextOptions) => openWatched(browser, url, faults, options);

  /** Generates with the fields set so, and waits for the end. */
  async function generate(page: Page, fields: Record<string, string>): Promise<string[]> {
    // on a phone the settings are folded
    await page.evaluate(() => document.querySelector("#sampling")?.setAttribute("open", ""));
    for (const [name, value] of Object.entries(fields)) await page.fill(`#option-${name}`, value);
    await page.click("#generate [type=submit]");
    await page.waitForSelector(".story[aria-busy=false]");
    await page.waitForFunction(() => document.querySelector("#generate-stop:disabled"));
    return page.locator("#stories blockquote").allTextContents();
  }

  test.each([
    { isolated: true, threads: "2" },
    { isolated: false, threads: "1" },
  ])("generates and trains to the bits of Node, isolated: $isolated", async ({ isolated, threads }) => {
    const { url } = await serve(isolated, model);
    const page = await openPage(url);
    const fields = { seed: "5", maxTokens: "40", count: "2" };
    const stories = await generate(page, fields);
    const node = await loadModel(model);
    const expected = ["Once upon a time", "Once upon a time"];
    for await (const piece of node.generateBatch(["Once upon a time"], { seed: 5, maxTokens: 40, count: 2 })) {
      expected[piece.index] += piece.text;
    }
    node.dispose();
    expect(stories).toEqual(expected);
    expect(await page.textContent("#plate-isolation")).toMatch(isolated ? /^yes/ : /^no/);
    expect(await page.textContent("#gauge-speed")).toMatch(/^[\d,]+$/);

    await page.click("#tab-train");
    await page.check("[value=paste]");
    await page.fill("#pasted", text);
    await page.selectOption("#unit", "steps");
    await page.fill("#length", String(STEPS));
    await page.fill("#story-every", "2");
    if (isolated) await page.fill("#threads", threads);
    await page.click("#train [type=submit]");
    await page.waitForSelector("#trained:not([hidden])");
    expect(await page.textContent("#corpus")).toContain(`${threads} thread`);
    expect(await page.textContent("#gauge-step")).toBe(`${STEPS} of ${STEPS}`);
    expect(await page.textContent("#gauge-bits")).toMatch(/^\d\.\d{3}$/);
    expect(await page.locator("#told-on-the-way figure").count()).toBeGreaterThan(0);
    expect(await page.evaluate(drawnPixels)).toEqual([expect.toSatisfy((pixels: number) => pixels > 100)]);

    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    const file = join(folder, `${threads}.safetensors`);
    await download.saveAs(file);
    expect(Buffer.compare(readFileSync(file), trainedByNode)).toBe(0);
    await page.click("#use-trained");
    await page.waitForSelector(".story[aria-busy=false]");
    expect(await page.textContent("#plate-model")).toBe("trained just now");
  });

  test("stops on demand", async () => {
    const page = await openPage((await serve(true, model)).url);
    // the likeliest goes round in circles and never ends by itself
    await page.fill("#option-temperature", "0");
    await page.fill("#option-maxTokens", "100000000");
    await page.keyboard.press("Control+Enter");
    await page.waitForFunction(() => document.querySelector("#gauge-tokens")?.textContent?.includes(","));
    await page.keyboard.press("Escape");
    await page.waitForSelector(".story[aria-busy=false]");
    expect(await page.textContent("#stories figcaption")).toContain("stopped");

    await page.click("#tab-train");
    await page.check("[value=paste]");
    await page.fill("#pasted", text);
    await page.fill("#length", "1000000");
    await page.click("#train [type=submit]");
    await page.waitForFunction(() => document.querySelector("#gauge-step")?.textContent !== "");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#trained:not([hidden])");
    expect(await page.textContent("#gauge-left")).toBe("stopped");
  });

  test("without a model it invites to open one, and says what is wrong with what it is given", async () => {
    const page = await openPage((await serve(true)).url);
    await page.waitForSelector("#no-model:not([hidden])");
    expect(faults.splice(0)).toEqual([expect.stringContaining("404")]);
    const give = (name: string, bytes: Uint8Array) =>
      page.setInputFiles("#open-file", { name, mimeType: "", buffer: Buffer.from(bytes) });
    await give("broken.thunderbolt", model.subarray(0, 1000));
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem")).toMatch(/^broken\.thunderbolt: /);
    await give("good.safetensors", model);
    await page.waitForSelector("#no-model", { state: "hidden" });
    expect(await page.textContent("#plate-model")).toBe("good.safetensors");
    expect(await page.isHidden("#problem")).toBe(true);

    await page.fill("#option-topP", "7");
    await page.click("#generate [type=submit]");
    await page.waitForSelector("#generate-problem:not([hidden])");
    expect(await page.textContent("#generate-problem")).toBe("topP is 7; it must be a number above 0 to 1");
    await page.click("#tab-train");
    await page.check("[value=paste]");
    await page.click("#train [type=submit]");
    await page.waitForSelector("#train-problem:not([hidden])");
    expect(await page.textContent("#train-problem")).toMatch(/^text: /);
  });

  test("fits a phone, follows the theme, and is used by keyboard", async () => {
    const { url } = await serve(true, model);
    const page = await openPage(url, { viewport: { width: 360, height: 740 }, colorScheme: "dark" });
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    const dark = await paper();
    await page.click("#theme");
    expect(await paper()).not.toBe(dark);
    await page.reload();
    expect(await paper()).not.toBe(dark);
    await generate(page, { maxTokens: "40" });
    expect(await width()).toBe(360);
    await page.focus("#tab-generate");
    await page.keyboard.press("ArrowRight");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("tab-train");
    expect(await page.isVisible("#train")).toBe(true);
    expect(await width()).toBe(360);
    await page.keyboard.press("/");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("prompt");
  });

  test("works without its server once it has been there", async () => {
    const server = await serve(true, model);
    const page = await openPage(server.url);
    await page.evaluate(() => navigator.serviceWorker.ready);
    servers.length = 0;
    await server.close();
    await page.reload();
    expect(await generate(page, { maxTokens: "10" })).toHaveLength(1);
    expect(await page.textContent("#plate-isolation")).toMatch(/^yes/);
  });
});
