import type { RunPart, SideFigures } from "../run/run-description.ts";
import { count, duration, score } from "./figures.ts";
import { type Content, type Html, html } from "./html.ts";
import type { RunRecord } from "./run-record.ts";
import { spread } from "./thinning.ts";

/** Rows of the table of figures at most. */
const ROWS = 25;

/** Names and values, one beneath the other. */
export function definitions(entries: readonly (readonly [name: string, value: Content])[]): Html {
  const rows = entries.filter(([, value]) => value !== undefined);
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** The curves in numbers: the scored steps, or else some steps from the first to the last. */
export function figuresTable({ steps, scores }: RunRecord): Html {
  const places = new Map(steps.step.map((step, i) => [step, i]));
  const scoreOf = new Map(scores.map((one) => [one.step, one]));
  const scored = scores.map(({ step }) => places.get(step)).filter((place) => place !== undefined);
  const chosen = scored.length > 1 ? [0, ...scored] : [...steps.step.keys()];
  const rows = spread([...new Set(chosen)], ROWS).map((i) => {
    const found = scoreOf.get(steps.step[i]);
    return html`
<tr><th scope="row">${count(steps.step[i])}</th><td>${count(steps.tokens[i])}</td><td>${duration(steps.seconds[i])}</td>
<td>${score(steps.loss[i])}</td><td>${steps.lr[i].toExponential(2)}</td><td>${steps.gradientNorm[i].toFixed(2)}</td>
<td>${found ? score(found.natsPerToken) : ""}</td><td>${found ? score(found.bitsPerByte) : ""}</td></tr>`;
  });
  return html`<table>
<caption>${rows.length} of ${count(steps.step.length)} steps. The loss is that of the step alone.</caption>
<thead><tr><th scope="col">Step</th><th scope="col">Tokens</th><th scope="col">Time</th><th scope="col">Loss</th>
<th scope="col">Learning rate</th><th scope="col">Gradient norm</th><th scope="col">Held-out nats/token</th>
<th scope="col">Held-out bits/byte</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** What was trained on, and what scored with. */
export function corpusTable(training: SideFigures, heldOut: SideFigures): Html {
  const row = (name: string, { stories, bytes: size, tokens, sha256 }: SideFigures) => html`
<tr><th scope="row">${name}</th><td>${count(stories)}</td><td>${count(size)}</td><td>${count(tokens)}</td>
<td>${(size / tokens).toFixed(2)}</td><td class="hash">${sha256}</td></tr>`;
  return html`<table>
<caption>Hashes are of the tokens.</caption>
<thead><tr><td></td><th scope="col">Stories</th><th scope="col">Bytes</th><th scope="col">Tokens</th>
<th scope="col">Bytes a token</th><th scope="col">sha256</th></tr></thead>
<tbody>${row("to train on", training)}${row("held out", heldOut)}</tbody></table>`;
}

/** Where a run was done, a row for each process that worked on it. */
export function partsTable(parts: readonly RunPart[]): Html {
  return html`<table>
<caption>The model does not depend on any of this, only the time does.</caption>
<thead><tr><th scope="col">From step</th><th scope="col">Begun (UTC)</th><th scope="col">Processor</th><th scope="col">Cores</th>
<th scope="col">Memory</th><th scope="col">Runtime</th><th scope="col">Workers</th><th scope="col">Kernels</th></tr></thead>
<tbody>${parts.map(
    (part) => html`
<tr><th scope="row">${count(part.fromStep + 1)}</th><td>${part.started.slice(0, 16).replace("T", " ")}</td><td>${part.cpu}</td>
<td>${part.cores}</td><td>${`${Math.round(part.memory / 2 ** 30)} GiB`}</td><td>${part.runtime}, ${part.platform}</td><td>${part.workers}</td>
<td>${kernelsOf(part)}</td></tr>`,
  )}</tbody></table>`;
}

/** The kernels of a part in words. */
export function kernelsOf({ kernels, revectorize }: RunPart): string {
  return revectorize ? `${kernels}, revectorized` : kernels;
}
