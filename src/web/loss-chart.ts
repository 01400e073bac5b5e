import uPlot from "uplot";
import { element, oncePerFrame } from "./dom.ts";

const HEIGHT = 280;

/** The loss over the steps of a training: of each step, faint, and the mean of the last ones. */
export class LossChart {
  readonly #host = element("chart", HTMLElement);
  readonly #plot: uPlot;
  #steps: number[] = [];
  #losses: number[] = [];
  #means: number[] = [];
  readonly #draw = oncePerFrame(() => this.#plot.setData([this.#steps, this.#losses, this.#means]));

  constructor() {
    const axis = (own: uPlot.Axis): uPlot.Axis => ({
      font: "11px Helvetica, Arial, sans-serif",
      stroke: () => this.#colour("--muted"),
      ticks: { show: false },
      ...own,
    });
    this.#plot = new uPlot(
      {
        width: this.#host.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false } },
        axes: [
          axis({ size: 28, grid: { show: false } }),
          axis({ size: 36, grid: { stroke: () => this.#colour("--line"), width: 1 } }),
        ],
        series: [
          { label: "step" },
          { label: "loss, nats a token", stroke: () => this.#colour("--faint"), width: 1, points: { show: false } },
          { label: "mean of 20 steps", stroke: () => this.#colour("--accent"), width: 2, points: { show: false } },
        ],
        // colours of the style sheet, which follow the theme by themselves
        legend: { markers: { width: 0, fill: (_, i) => (i === 1 ? "var(--faint)" : "var(--accent)") } },
        cursor: { y: false, drag: { x: true, y: false } },
      },
      [[], [], []],
      this.#host,
    );
    new ResizeObserver(() => this.#plot.setSize({ width: this.#host.clientWidth, height: HEIGHT })).observe(this.#host);
  }

  /** Begins anew. */
  clear(): void {
    this.#steps = [];
    this.#losses = [];
    this.#means = [];
    this.#draw();
  }

  /** Adds a step. */
  add({ step, loss, meanLoss }: { readonly step: number; readonly loss: number; readonly meanLoss: number }): void {
    this.#steps.push(step);
    this.#losses.push(loss);
    this.#means.push(meanLoss);
    this.#draw();
  }

  /** Draws in the colours of another theme. */
  redraw(): void {
    this.#plot.redraw(false);
  }

  #colour(name: string): string {
    return getComputedStyle(this.#host).getPropertyValue(name);
  }
}
