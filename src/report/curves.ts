import { HALF_LIFE_QUANTILES } from "../train/layer-figures.ts";
import type { Axis, Chart, ChartSheet, Curve } from "./chart-sheet.ts";
import { configOf, type RunRecord, type StepColumns } from "./run-record.ts";
import { highs, lasts, lows, means, runningMeans, spread, type Thinning, thinning } from "./thinning.ts";

/** Steps over which training averages the loss that it tells. */
const SMOOTHING = 20;
/** Points that curves over looks have at most. */
const MOST_LOOKS = 300;
const MEDIAN = HALF_LIFE_QUANTILES.indexOf(0.5);

/** The charts of one run. */
export function chartsOfRun(run: RunRecord): ChartSheet {
  const { steps, scores, looks, description } = run;
  const by = thinning(steps.step.length);
  const shown = spread(looks, MOST_LOOKS);
  const [stepAxis, scoreAxis, endsAxis, lookAxis] = [0, 1, 2, 3];
  const ends = [0, steps.step.length - 1];
  const axes = [
    axisOf(steps, by.ends),
    axisOf(steps, placesOf(scores, steps)),
    axisOf(steps, ends),
    axisOf(steps, placesOf(shown, steps)),
  ];
  const level = (label: string, y: number): Curve => ({
    label,
    colour: "var(--muted)",
    axis: endsAxis,
    y: rounded([y, y]),
    width: 1,
    dash: [6, 4],
  });
  const lossBand = band(steps.loss, by, stepAxis, "of a step");
  const normBand = band(steps.gradientNorm, by, stepAxis, "of a step");
  const config = configOf(run);
  const charts: Chart[] = [
    {
      id: "loss",
      ...lossBand,
      curves: [
        ...lossBand.curves,
        {
          label: `mean of ${SMOOTHING} steps`,
          colour: "var(--accent)",
          axis: stepAxis,
          y: rounded(lasts(runningMeans(steps.loss, SMOOTHING), by)),
          width: 2,
        },
        ...(scores.length > 0
          ? [
              scoreCurve(
                "held-out",
                "var(--ink)",
                scoreAxis,
                scores.map(({ natsPerToken }) => natsPerToken),
              ),
            ]
          : []),
        ...(config ? [level("ln V", Math.log(config.vocabSize))] : []),
      ],
    },
    { id: "lr", scale: "from zero", curves: [line("learning rate", stepAxis, lasts(steps.lr, by))] },
    {
      ...normBand,
      id: "gradient-norm",
      scale: "from zero",
      curves: [
        ...(by.every > 1 ? normBand.curves : []),
        line(by.every > 1 ? `mean of ${by.every} steps` : "of a step", stepAxis, means(steps.gradientNorm, by)),
        ...(description ? [level("clipped above", description.settings.clip)] : []),
      ],
    },
    {
      id: "tokens-per-second",
      scale: "from zero",
      curves: [line("tokens a second", stepAxis, means(steps.tokensPerSecond, by))],
    },
  ];
  if (scores.length > 1) {
    const bits = scores.map(({ bitsPerByte }) => bitsPerByte);
    charts.push({ id: "bits-per-byte", curves: [scoreCurve("held-out", "var(--accent)", scoreAxis, bits)] });
  }
  if (looks.length > 1) {
    const layers = looks[0].layers.length;
    const curves = (figure: (layer: RunRecord["looks"][number]["layers"][number]) => number): Curve[] =>
      Array.from({ length: layers }, (_, l) => ({
        label: `layer ${l + 1}`,
        colour: layerColour(l, layers),
        axis: lookAxis,
        y: rounded(shown.map((look) => figure(look.layers[l]))),
      }));
    charts.push({ id: "zeros", curves: curves(({ zero }) => 100 * zero) });
    charts.push({ id: "half-lives", scale: "logarithmic", curves: curves(({ halfLife }) => halfLife[MEDIAN]) });
  }
  return { axes, charts };
}

/** The charts in which several runs are compared. */
export function chartsOfRuns(runs: readonly RunRecord[]): ChartSheet {
  const thinnings = runs.map(({ steps }) => thinning(steps.step.length));
  const axes = runs.flatMap(({ steps, scores }, r) => [
    axisOf(steps, thinnings[r].ends),
    axisOf(steps, placesOf(scores, steps)),
  ]);
  const each = (figure: (steps: StepColumns, by: Thinning) => number[]): Curve[] =>
    runs.map(({ name, steps }, r) => ({
      label: name,
      colour: runColour(r),
      axis: 2 * r,
      y: rounded(figure(steps, thinnings[r])),
      ...dashOf(r),
    }));
  const charts: Chart[] = [
    { id: "loss", curves: each((steps, by) => lasts(runningMeans(steps.loss, SMOOTHING), by)) },
    { id: "lr", scale: "from zero", curves: each((steps, by) => lasts(steps.lr, by)) },
    { id: "gradient-norm", scale: "from zero", curves: each((steps, by) => means(steps.gradientNorm, by)) },
    { id: "tokens-per-second", scale: "from zero", curves: each((steps, by) => means(steps.tokensPerSecond, by)) },
  ];
  if (runs.some(({ scores }) => scores.length > 0)) {
    charts.push({
      id: "bits-per-byte",
      curves: runs.flatMap(({ name, scores }, r) => {
        const bits = scores.map(({ bitsPerByte }) => bitsPerByte);
        return bits.length === 0 ? [] : [{ ...scoreCurve(name, runColour(r), 2 * r + 1, bits), ...dashOf(r) }];
      }),
    });
  }
  return { axes, charts };
}

/** How many colours the style sheet has for runs. */
const RUN_COLOURS = 8;

/** The colour of a run among others, a CSS colour; after eight they come again, dashed. */
export function runColour(index: number): string {
  return `var(--run-${index % RUN_COLOURS})`;
}

function dashOf(index: number): Pick<Curve, "dash"> {
  const round = Math.floor(index / RUN_COLOURS);
  return round === 0 ? {} : { dash: [8, 3 * round] };
}

/** From the colour of what lies low to that of what lies high. */
function layerColour(layer: number, layers: number): string {
  const share = layers === 1 ? 100 : Math.round((100 * layer) / (layers - 1));
  return `color-mix(in srgb, var(--accent) ${share}%, var(--low))`;
}

/** Where curves lie whose points are at these steps. */
function axisOf({ tokens, seconds }: StepColumns, places: readonly number[]): Axis {
  return {
    tokens: places.map((i) => tokens[i]),
    seconds: places.map((i) => Math.round(1000 * seconds[i]) / 1000),
  };
}

/** Where in the columns the steps of some things are. */
function placesOf(things: readonly { readonly step: number }[], { step }: StepColumns): number[] {
  const places = new Map(step.map((value, i) => [value, i]));
  return things.map((thing) => places.get(thing.step) ?? step.length - 1);
}

/** Each step, faint; of stretches of several, what lies between the least and the largest. */
function band(values: readonly number[], by: Thinning, axis: number, what: string): Pick<Chart, "curves" | "band"> {
  const faint = { colour: "var(--faint)", axis };
  if (by.every === 1) return { curves: [{ ...faint, label: what, y: rounded(values), width: 1 }] };
  return {
    curves: [
      { ...faint, label: "largest", y: rounded(highs(values, by)), width: 0 },
      { ...faint, label: "least", y: rounded(lows(values, by)), width: 0 },
    ],
    band: [0, 1],
  };
}

function line(label: string, axis: number, values: readonly number[]): Curve {
  return { label, colour: "var(--accent)", axis, y: rounded(values) };
}

function scoreCurve(label: string, colour: string, axis: number, values: readonly number[]): Curve {
  return { label, colour, axis, y: rounded(values), points: true };
}

/** Five digits are more than a chart shows. */
function rounded(values: readonly number[]): number[] {
  return values.map((value) => Number(value.toPrecision(5)));
}
