import type { ModelConfig } from "../engine/config.ts";
import { countParameters } from "../engine/parameters.ts";
import type { LayerFigures } from "../train/layer-figures.ts";
import type { Look } from "../train/look.ts";
import { commandToRepeat, shellLine } from "./command-line.ts";
import { chartsOfRun } from "./curves.ts";
import { count, duration, score } from "./figures.ts";
import { type Content, type Html, html } from "./html.ts";
import { halfLifeTable, ternaryTable } from "./layer-tables.ts";
import { axisChoice, chart, type PageContent, section, wide } from "./page.ts";
import { configOf, lastStep, type RunRecord, trainLoss, whyNotCausal } from "./run-record.ts";
import { corpusTable, definitions, figuresTable, partsTable } from "./run-tables.ts";
import { spread, thinning } from "./thinning.ts";

/** Samples of text that are shown at most. */
const SAMPLES = 8;

/** The report of one run. */
export function runReport(run: RunRecord): PageContent {
  const { steps, result, looks, description, model, scores } = run;
  const config = configOf(run);
  const charts = chartsOfRun(run);
  const has = (id: string) => charts.charts.some((one) => one.id === id);
  const last = scores[scores.length - 1];
  const { every } = thinning(steps.step.length);
  return {
    title: run.name,
    lead: [
      result ? `${count(result.steps)} steps, to the end` : `Not at its end: so far ${count(lastStep(run))} steps`,
      description && `; preset ${description.preset}, on ${description.data}`,
      ". ",
      whyNotCausal(run),
    ],
    charts,
    body: [
      gauges(run, config),
      section(
        "learning",
        "Learning",
        axisChoice,
        chart("loss", "Loss, nats a token", [
          every > 1
            ? `The area is from the least to the largest loss of ${every} steps in a row, the line the mean of the last 20 steps at the end of each such stretch; all ${count(steps.step.length)} steps went into it. `
            : "The faint line is each step, the strong one the mean of the last 20. ",
          last ? "Dots: the held-out text. " : "",
          config &&
            `ln V = ${score(Math.log(config.vocabSize))} is the loss of one who knows nothing but the ${count(config.vocabSize)} tokens of the vocabulary.`,
        ]),
        has("bits-per-byte")
          ? chart(
              "bits-per-byte",
              "Held-out bits per byte",
              "Of the UTF-8 text; unlike nats a token it compares across vocabularies.",
            )
          : undefined,
        html`<details><summary>In numbers</summary>${wide("Figures of some steps", figuresTable(run))}</details>`,
      ),
      section(
        "training",
        "Training",
        html`<div class="charts">${[
          chart("lr", "Learning rate", "Of each step."),
          chart(
            "gradient-norm",
            "Gradient norm",
            every > 1
              ? `Before clipping: the mean of ${every} steps in a row, and from the least to the largest of them.`
              : "Of each step, before clipping.",
          ),
          chart("tokens-per-second", "Tokens a second", "Of the last steps, scores and saves apart."),
        ]}</div>`,
      ),
      samples(looks),
      layerSection(run, config, has("zeros")),
      section(
        "run",
        "The run",
        repeat(run),
        model &&
          definitions([
            [
              `sha256 of model.safetensors${model.step === undefined ? "" : `, step ${count(model.step)}`}`,
              html`<code>${model.sha256}</code>`,
            ],
          ]),
        description && html`<h3>Machine</h3>${wide("Machine", partsTable(description.parts))}`,
        description &&
          html`<h3>Text</h3>${wide("Text", corpusTable(description.corpus.training, description.corpus.heldOut))}`,
        config && html`<h3>Configuration</h3>${definitions(Object.entries(config))}`,
        description && html`<h3>Settings</h3>${definitions(Object.entries(description.settings))}`,
        description === undefined
          ? html`<p class="note">The folder has no run.json, so nothing is known of its settings, its text and its machine.</p>`
          : undefined,
      ),
    ],
  };
}

function gauges(run: RunRecord, config: ModelConfig | undefined): Html {
  const { steps, scores, result } = run;
  const at = steps.step.length - 1;
  const last = scores[scores.length - 1];
  const atStep = last && last.step !== steps.step[at] ? `, step ${count(last.step)}` : "";
  const counts = config && countParameters(config);
  const entries: (readonly [string, Content])[] = [
    [`held-out bits/byte${atStep}`, last ? score(last.bitsPerByte) : "–"],
    [`held-out nats/token${atStep}`, last && score(last.natsPerToken)],
    ["train loss, nats/token", score(trainLoss(run))],
    ["tokens", count(steps.tokens[at])],
    ["time in steps", duration(steps.seconds[at])],
    ["tokens/s", count(steps.tokens[at] / steps.seconds[at])],
    ["parameters", counts && count(counts.total)],
    ["ternary", counts && `${Math.round((100 * counts.ternary) / counts.total)} %`],
    [
      "best bits/byte",
      result?.best && result.best.step !== result.steps
        ? `${score(result.best.valBitsPerByte)} (step ${count(result.best.step)})`
        : undefined,
    ],
  ];
  const shown = entries.filter(([, value]) => value !== undefined);
  return html`<dl class="gauges">${shown.map(([name, value], i) => html`<div${i === 0 ? html` class="main"` : ""}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** What the model wrote after some steps. */
function samples(looks: readonly Look[]): Html | undefined {
  const told = looks.filter(({ text }) => text !== undefined);
  if (told.length === 0) return undefined;
  const shown = spread(told, SAMPLES);
  const some = shown.length < told.length ? `${shown.length} of ${told.length} samples. ` : "";
  return section(
    "samples",
    "What it writes",
    html`<p class="note">${some}The model goes on from the first words of the held-out text, each time with the same seed.</p>
<div class="stories">${shown.map((look) => story(look, `step ${count(look.step)}`))}</div>`,
  );
}

/** A sample of text with where it is from. */
export function story({ prompt, text }: Look, where: Content): Html {
  return html`<figure class="story"><blockquote><span class="given">${prompt}</span>${text?.trimEnd()}</blockquote><figcaption>${where}</figcaption></figure>`;
}

function layerSection(run: RunRecord, config: ModelConfig | undefined, overTime: boolean): Html | undefined {
  const { looks, model } = run;
  const last = looks[looks.length - 1];
  const layers: readonly LayerFigures[] | undefined = last?.layers ?? model?.layersAtRest;
  if (!config || !layers || layers.length !== config.nLayers) return undefined;
  const step = last?.step ?? model?.step;
  const when = step === undefined ? "" : ` After step ${count(step)}.`;
  const how = last
    ? "measured on held-out text: ln ½ / the mean of ln f, f being the forget gate"
    : "by the forget gate's bias alone, as nobody looked at the model while it read";
  return section(
    "layers",
    "Layers",
    html`<h3>Ternary weights</h3>${wide("Ternary weights", ternaryTable(layers, `Shares of the codes −1, 0 and +1 in the six ternary matrices of a layer.${when}`))}
<h3>Memory</h3>${wide(
      "Memory",
      halfLifeTable(
        layers,
        config,
        `Half-life of what a channel of the recurrence has read, in tokens, ${how}.${when} “At least” is what the least value of the layer's gates allows. The bar: from the shortest to the longest, 10 to 90 % of the channels, 25 to 75 %, and the median.`,
      ),
    )}`,
    overTime
      ? html`<div class="charts">${[
          chart("zeros", "Zeros over time, %", "Share of the code 0 in each layer."),
          chart("half-lives", "Half-life over time, tokens", "Median over the channels of each layer."),
        ]}</div>`
      : undefined,
  );
}

function repeat({ description, result }: RunRecord): Content {
  const [first, ...others] = description?.parts ?? [];
  if (!first) return undefined;
  if (!first.startedBy) return html`<p class="note">A program started this run, not a command.</p>`;
  const { command, version } = first.startedBy;
  const changed = others.some(({ startedBy }) => /--steps/.test(startedBy?.command.join(" ") ?? ""));
  const line = shellLine(commandToRepeat(command, result?.steps));
  return html`<h3>Command</h3><pre>${line}</pre>
<p class="note">thunderbolt-lm ${version}. With the same text it gives the same model, bit for bit, on any machine and with any number of workers.${
    result ? "" : " The run is not at its end yet."
  }${changed ? " This run was resumed with another number of steps, so its learning rate is not that of a run in one piece." : ""}${
    command.some((word) => word.startsWith("--config")) ? " What the file of --config held is below." : ""
  }</p>`;
}
