import { countParameters } from "../engine/parameters.ts";
import { commandToRepeat, shellLine } from "./command-line.ts";
import { chartsOfRuns, runColour } from "./curves.ts";
import { count, duration, score } from "./figures.ts";
import { type Content, type Html, html } from "./html.ts";
import { axisChoice, chart, type PageContent, section, wide } from "./page.ts";
import { configOf, type RunRecord, trainLoss, whyNotCausal } from "./run-record.ts";
import { story } from "./run-report.ts";
import { kernelsOf } from "./run-tables.ts";

/** One page on several runs. */
export function comparison(runs: readonly RunRecord[]): PageContent {
  const charts = chartsOfRuns(runs);
  const { differing, common } = compareSettings(runs);
  const hasScores = charts.charts.some(({ id }) => id === "bits-per-byte");
  return {
    title: `${runs.length} runs`,
    lead: html`${warnings(runs).map((warning) => html`${warning} `)}`,
    charts,
    body: [
      section("figures", "Figures", wide("Figures of the runs", runsTable(runs))),
      section(
        "learning",
        "Learning",
        axisChoice,
        chart(
          "loss",
          "Loss, nats a token",
          `The mean of the last 20 steps. ${runs.length > 8 ? "Colours come again after eight runs, dashed. " : ""}Of long runs every so many steps are shown.`,
        ),
        hasScores ? chart("bits-per-byte", "Held-out bits per byte", "Of the UTF-8 text.") : undefined,
      ),
      section(
        "training",
        "Training",
        html`<div class="charts">${[
          chart("lr", "Learning rate", "Of a step."),
          chart("gradient-norm", "Gradient norm", "Before clipping."),
          chart("tokens-per-second", "Tokens a second", "Of the last steps, scores and saves apart."),
        ]}</div>`,
      ),
      differing.length > 0
        ? section("differences", "What differs", wide("What differs", settingsTable(runs, differing)))
        : undefined,
      common.length > 0
        ? html`<details><summary>What is the same</summary>${wide("What is the same", settingsTable(undefined, common))}</details>`
        : undefined,
      samples(runs),
      commands(runs),
    ],
  };
}

/** A setting of several runs; undefined where it is not known. */
export interface ComparedSetting {
  readonly name: string;
  readonly values: readonly (string | undefined)[];
}

/** Configuration, settings and texts of runs, parted into what differs and what is the same. */
export function compareSettings(runs: readonly RunRecord[]): {
  readonly differing: readonly ComparedSetting[];
  readonly common: readonly ComparedSetting[];
} {
  const all = runs.map((run) => settingsOf(run));
  const names = [...new Set(all.flatMap((settings) => [...settings.keys()]))];
  const compared = names.map((name) => ({ name, values: all.map((settings) => settings.get(name)) }));
  const isCommon = ({ values }: ComparedSetting) => values.every((value) => value === values[0]);
  return { differing: compared.filter((one) => !isCommon(one)), common: compared.filter(isCommon) };
}

function settingsOf(run: RunRecord): Map<string, string> {
  const { description } = run;
  const entries: [string, unknown][] = Object.entries(configOf(run) ?? {});
  if (description) {
    const { preset, data, val, settings, corpus, parts } = description;
    const part = parts[parts.length - 1];
    entries.push(
      ["preset", preset],
      ...Object.entries(settings),
      ["data", data],
      ["val", val ?? "held out of the data"],
      ["sha256 of the tokens to train on", corpus.training.sha256],
      ["sha256 of the held-out tokens", corpus.heldOut.sha256],
      ["processor", part?.cpu],
      ["runtime", part?.runtime],
      ["workers", part?.workers],
      ["kernels", part && kernelsOf(part)],
    );
  }
  return new Map(entries.map(([name, value]) => [name, String(value)]));
}

/** What keeps figures of these runs from being compared. */
function warnings(runs: readonly RunRecord[]): string[] {
  const differ = (what: (run: RunRecord) => unknown) => new Set(runs.map(what).filter(Boolean)).size > 1;
  const notCausal = runs.filter((run) => whyNotCausal(run) !== undefined).map(({ name }) => name);
  return [
    ...(notCausal.length > 0
      ? [`Not causal, so that their losses and scores say nothing: ${notCausal.join(", ")}.`]
      : []),
    ...(differ(heldOutSize)
      ? ["They were scored on different texts, so their scores do not compare."]
      : differ((run) => configOf(run)?.vocabSize)
        ? ["Their vocabularies differ in size: bits per byte compare, nats a token do not."]
        : []),
  ];
}

/** Two vocabularies give the same text different tokens, so a text is known by its stories and bytes. */
function heldOutSize({ description }: RunRecord): string | undefined {
  return description && `${description.corpus.heldOut.stories} ${description.corpus.heldOut.bytes}`;
}

function runsTable(runs: readonly RunRecord[]): Html {
  const best = Math.min(...runs.map(({ scores }) => scores.at(-1)?.bitsPerByte ?? Number.POSITIVE_INFINITY));
  return html`<table class="runs">
<caption>Scores are the last ones; the lowest is in bold.</caption>
<thead><tr><th scope="col">Run</th><th scope="col">Held-out bits/byte</th><th scope="col">nats/token</th>
<th scope="col">Train loss</th><th scope="col">Parameters</th><th scope="col">Steps</th><th scope="col">Tokens</th>
<th scope="col">Time</th><th scope="col">Tokens/s</th><th scope="col">sha256</th></tr></thead>
<tbody>${runs.map((run, r) => {
    const { name, steps, scores, model, result } = run;
    const at = steps.step.length - 1;
    const last = scores.at(-1);
    const config = configOf(run);
    const bits = last && score(last.bitsPerByte);
    return html`
<tr><th scope="row">${swatch(r)}${name}${result ? "" : " (not at its end)"}</th>
<td>${last?.bitsPerByte === best ? html`<strong>${bits}</strong>` : (bits ?? "–")}</td><td>${last ? score(last.natsPerToken) : "–"}</td>
<td>${score(trainLoss(run))}</td><td>${config ? count(countParameters(config).total) : "–"}</td><td>${count(steps.step[at])}</td>
<td>${count(steps.tokens[at])}</td><td>${duration(steps.seconds[at])}</td><td>${count(steps.tokens[at] / steps.seconds[at])}</td>
<td class="hash">${model ? model.sha256.slice(0, 12) : "–"}</td></tr>`;
  })}</tbody></table>`;
}

/** A line in the colour of a run, as in the charts. */
function swatch(index: number): Html {
  return html`<svg class="swatch" viewBox="0 0 16 4" aria-hidden="true"><rect width="16" height="4" fill="${runColour(index)}"/></svg>`;
}

/** @param runs in whose columns the values stand; undefined where all have the same. */
function settingsTable(runs: readonly RunRecord[] | undefined, settings: readonly ComparedSetting[]): Html {
  const heads = runs
    ? runs.map(({ name }, r) => html`<th scope="col">${swatch(r)}${name}</th>`)
    : html`<th scope="col">All runs</th>`;
  return html`<table class="settings">
<thead><tr><td></td>${heads}</tr></thead>
<tbody>${settings.map(
    ({ name, values }) => html`
<tr><th scope="row">${name}</th>${(runs ? values : values.slice(0, 1)).map((value) => html`<td>${shortened(value) ?? "–"}</td>`)}</tr>`,
  )}</tbody></table>`;
}

/** A hash by its beginning. */
function shortened(value: string | undefined): string | undefined {
  return value?.replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, "$1…");
}

function samples(runs: readonly RunRecord[]): Content {
  const stories = runs.flatMap(({ name, looks }, r) => {
    const look = looks.findLast(({ text }) => text !== undefined);
    return look ? [story(look, html`${swatch(r)}${name}, step ${count(look.step)}`)] : [];
  });
  return stories.length > 0
    ? section("samples", "What they write", html`<div class="stories">${stories}</div>`)
    : undefined;
}

function commands(runs: readonly RunRecord[]): Content {
  const lines = runs.flatMap(({ description, result }) => {
    const command = description?.parts[0]?.startedBy?.command;
    return command ? [shellLine(commandToRepeat(command, result?.steps))] : [];
  });
  return lines.length > 0 ? section("commands", "Commands", html`<pre>${lines.join("\n")}</pre>`) : undefined;
}
