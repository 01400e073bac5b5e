import { createHash } from "node:crypto";
import type { PageAssets } from "./assets.ts";
import type { ChartSheet } from "./chart-sheet.ts";
import { type Content, embeddedJson, Html, html } from "./html.ts";

/** A report before it is a page. */
export interface PageContent {
  readonly title: string;
  /** Beneath the title. */
  readonly lead: Content;
  readonly body: Content;
  readonly charts: ChartSheet;
}

/**
 * A page that needs nothing but itself: styles, script and data are inside, and it may run that script alone and fetch
 * nothing.
 */
export function pageOf({ title, lead, body, charts }: PageContent, { script, styles }: PageAssets): string {
  const policy = `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(styles)}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · thunderbolt</title>
<style>${new Html(styles)}</style>
</head>
<body>
<header class="masthead">
<p class="mark"><svg viewBox="0 0 12 16" aria-hidden="true"><path d="M7.5 0 0 9.2h4.6L3.3 16 12 6.2H7z"/></svg>thunderbolt report</p>
<h1>${title}</h1>
<p class="lead">${lead}</p>
</header>
<main>
${body}
</main>
<footer>Everything is in this file: it loads nothing, and works without a network. The charts are drawn by
uPlot (© Leon Sorokin, MIT licence).</footer>
<script type="application/json" id="chart-sheet">${embeddedJson(charts)}</script>
<script>${new Html(script)}</script>
</body>
</html>
`.source;
}

/** A section with a heading; nothing where it has no content. */
export function section(id: string, heading: string, ...content: readonly Content[]): Html {
  return html`<section aria-labelledby="${id}-heading"><h2 id="${id}-heading">${heading}</h2>
${content}</section>`;
}

/** The place of a chart, which the script fills. */
export function chart(id: string, title: string, caption: Content): Html {
  return html`<figure class="chart-figure"><h3>${title}</h3>
<div class="chart" id="${id}" role="group" aria-label="${title}, as a chart"></div>
<figcaption>${caption}</figcaption></figure>`;
}

/** A table, or what else may be wider than the window, in a frame of its own. */
export function wide(label: string, content: Html): Html {
  return html`<div class="wide" role="region" aria-label="${label}" tabindex="0">${content}</div>`;
}

/** What the horizontal axis of all charts counts. */
export const axisChoice = html`<fieldset class="axis" hidden><legend>Against</legend>
<label><input type="radio" name="axis" value="tokens" checked> tokens</label>
<label><input type="radio" name="axis" value="seconds"> time</label>
<p class="note">Drag across a chart to enlarge a part, double-click to see all of it again.</p></fieldset>`;

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
