import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const { findChromium } = await import(new URL("runtimes/chromium.mjs", import.meta.url).href);

/** Where Chromium is, if it is installed. */
export const executablePath: string | undefined = findChromium();

/** Why tests are skipped. */
export const noChromium = "no Chromium is in the path, and THUNDERBOLT_CHROMIUM names none";

/** Starts the Chromium that is installed. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ ...(executablePath && { executablePath }), args: ["--no-sandbox"] });
}

/**
 * Opens a page and notes what none of ours may do.
 *
 * @param faults gets errors that nobody caught, errors on the console, and requests to other hosts.
 */
export async function openWatched(
  browser: Browser,
  url: string,
  faults: string[],
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await browser.newPage(options);
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(new URL(url).origin)) faults.push(`a request to ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

/** Runs in a page: how much of each of its charts is not empty, in pixels. */
export function drawnPixels(): number[] {
  return [...document.querySelectorAll("canvas")].map((canvas) => {
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let drawn = 0;
    for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) drawn++;
    return drawn;
  });
}
