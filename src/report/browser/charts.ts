import uPlot from "uplot";
import type { Axis, Chart, ChartSheet, Curve } from "../chart-sheet.ts";
import { axisValue, tickLabel, timeUnit } from "./scales.ts";

type AxisKind = keyof Axis;

/** On a phone charts are lower. */
const heightFor = (width: number, tall: boolean) => Math.round(Math.min(tall ? 340 : 220, Math.max(180, width * 0.6)));
const FONT = "11px Helvetica, Arial, sans-serif";

/** One chart of the page, drawn by uPlot in the colours of the style sheet. */
class DrawnChart {
  readonly #host: HTMLElement;
  readonly #chart: Chart;
  readonly #axes: readonly Axis[];
  #plot: uPlot | undefined;

  constructor(host: HTMLElement, chart: Chart, axes: readonly Axis[]) {
    this.#host = host;
    this.#chart = chart;
    this.#axes = axes;
    new ResizeObserver(() => this.#resize()).observe(host);
  }

  /** Draws it against tokens or time. */
  show(kind: AxisKind): void {
    this.#plot?.destroy();
    const { curves, band, scale } = this.#chart;
    const seconds = Math.max(0, ...this.#axes.map((axis) => axis.seconds[axis.seconds.length - 1] ?? 0));
    const unit = kind === "seconds" ? timeUnit(seconds) : { name: "tokens", size: 1 };
    const tables = curves.map(
      ({ axis, y }) => [this.#axes[axis][kind].map((x) => x / unit.size), [...y]] as uPlot.AlignedData,
    );
    const logarithmic = scale === "logarithmic";
    const grid = { stroke: () => this.#colour("var(--line)"), width: 1 };
    const axis = (own: uPlot.Axis): uPlot.Axis => ({
      font: FONT,
      stroke: () => this.#colour("var(--muted)"),
      ticks: { show: false },
      ...own,
    });
    this.#plot = new uPlot(
      {
        ...this.#size(),
        scales: {
          x: { time: false },
          y: logarithmic ? { distr: 3 } : { range: (_, low, high) => rangeOf(low, high, scale === "from zero") },
        },
        axes: [
          axis({
            size: 26,
            space: 60,
            grid: { show: false },
            label: unit.name,
            labelFont: FONT,
            labelSize: 16,
            labelGap: 0,
            values: (_, splits) => splits.map(tickLabel),
          }),
          axis({
            size: 48,
            grid,
            values: (_, splits) => splits.map((value) => (value === null ? "" : tickLabel(value))),
          }),
        ],
        series: [
          { label: unit.name, value: (_, value) => axisValue(value) },
          ...curves.map((curve) => this.#series(curve)),
        ],
        bands: band
          ? [
              {
                series: [band[0] + 1, band[1] + 1],
                fill: () => this.#colour("color-mix(in srgb, var(--faint) 45%, transparent)"),
              },
            ]
          : [],
        legend: { markers: { width: 0, fill: (_, i) => curves[i - 1]?.colour ?? "transparent" } },
        cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 } },
      },
      uPlot.join(tables),
      this.#host,
    );
  }

  /** Draws it again in the colours of another theme. */
  redraw(): void {
    this.#plot?.redraw(false);
  }

  #series({ label, colour, width = 1.5, dash, points = false }: Curve): uPlot.Series {
    const stroke = () => this.#colour(colour);
    return {
      label,
      width,
      stroke: width === 0 ? "transparent" : stroke,
      ...(dash && { dash: [...dash] }),
      // points of several curves lie between each other
      spanGaps: true,
      points: { show: points, size: 6, stroke, fill: stroke },
      value: (_, value) => axisValue(value),
    };
  }

  #size(): { width: number; height: number } {
    const width = this.#host.clientWidth;
    return { width, height: heightFor(width, this.#chart.id === "loss") };
  }

  #resize(): void {
    const { width, height } = this.#size();
    if (this.#plot && this.#plot.width !== width) this.#plot.setSize({ width, height });
  }

  /** What a CSS colour comes to here: a canvas knows no variables. */
  #colour(colour: string): string {
    this.#host.style.color = colour;
    return getComputedStyle(this.#host).color;
  }
}

function rangeOf(low: number, high: number, fromZero: boolean): uPlot.Range.MinMax {
  if (low === null || high === null) return [0, 1];
  const from = fromZero ? 0 : low;
  const margin = (high - from || Math.abs(high) || 1) * 0.06;
  return [fromZero ? 0 : low - margin, high + margin];
}

const sheet: ChartSheet = JSON.parse(document.getElementById("chart-sheet")?.textContent ?? "");
const drawn: DrawnChart[] = [];
for (const chart of sheet.charts) {
  const host = document.getElementById(chart.id);
  if (host) drawn.push(new DrawnChart(host, chart, sheet.axes));
}
const chosen = () =>
  document.querySelector<HTMLInputElement>("[name=axis]:checked")?.value === "seconds" ? "seconds" : "tokens";
const showAll = () => {
  for (const chart of drawn) chart.show(chosen());
};
const redrawAll = () => {
  for (const chart of drawn) chart.redraw();
};

for (const choice of document.querySelectorAll<HTMLElement>("fieldset.axis")) {
  choice.hidden = false;
  choice.addEventListener("change", showAll);
}
showAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
// paper is white
addEventListener("beforeprint", () => {
  document.documentElement.dataset.theme = "light";
  for (const details of document.querySelectorAll("details")) details.open = true;
  redrawAll();
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.theme;
  redrawAll();
});
