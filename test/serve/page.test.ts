import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadModel } from "../../src/index.ts";
import { drawnPixels, executablePath, launchChromium, noChromium, openWatched } from "../chromium.ts";
import { smallInputs, temporaryFolder, works } from "../cli/harness.ts";
import { servingModel } from "../cli/serving.ts";

const folder = temporaryFolder();
const run = join(folder, "run");

if (!executablePath) console.warn(`test/serve/page.test.ts is skipped: ${noChromium}`);

test.skipIf(!executablePath)(
  "the page of thunderbolt serve tells stories of its model, stops, and trains",
  async () => {
    await works([...smallInputs(folder).train, "--out", run, "--steps", "30"]);
    const model = await loadModel(readFileSync(join(run, "model.safetensors")));
    let story = "The dog";
    for await (const { text } of model.generate("The dog", { seed: 5, maxTokens: 60 })) story += text;
    model.dispose();

    const faults: string[] = [];
    const browser = await launchChromium();
    try {
      const { code } = await servingModel(run, ["--json"], async (line) => {
        const page = await openWatched(browser, JSON.parse(line).url, faults);
        await page.fill("#prompt", "The dog");
        await page.fill("#option-seed", "5");
        await page.fill("#option-maxTokens", "60");
        await page.click("#generate [type=submit]");
        await page.waitForSelector(".story[aria-busy=false]");
        expect(await page.textContent("#stories blockquote")).toBe(story);
        expect(await page.textContent("#plate-isolation")).toMatch(/^yes/);

        // the likeliest goes round in circles and never ends by itself
        await page.fill("#option-temperature", "0");
        await page.fill("#option-maxTokens", "100000000");
        await page.click("#generate [type=submit]");
        await page.waitForFunction(() => document.querySelector("#gauge-tokens")?.textContent?.includes(","));
        await page.click("#generate-stop");
        await page.waitForSelector(".story[aria-busy=false]");
        expect(await page.textContent("#stories figcaption")).toContain("stopped");

        await page.click("#tab-train");
        await page.fill("#length", "4");
        await page.fill("#story-every", "2");
        await page.click("#train [type=submit]");
        await page.waitForSelector("#trained:not([hidden])");
        expect(await page.textContent("#corpus")).toMatch(/; 1\d\d stories, /);
        expect(await page.textContent("#gauge-step")).toBe("4 of 4");
        expect(await page.evaluate(drawnPixels)).toEqual([expect.toSatisfy((pixels: number) => pixels > 100)]);
      });
      expect(code).toBe(0);
    } finally {
      await browser.close();
    }
    expect(faults).toEqual([]);
  },
);
