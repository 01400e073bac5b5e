import type { ModelConfig } from "../engine/config.ts";
import { HALF_LIFE_QUANTILES, type LayerFigures, leastHalfLife } from "../train/layer-figures.ts";
import { percent, tokens } from "./figures.ts";
import { type Html, html } from "./html.ts";

const [LEAST, TENTH, QUARTER, MEDIAN, THREE_QUARTERS, NINE_TENTHS, LARGEST] = HALF_LIFE_QUANTILES.keys();

/** What shares of the ternary weights are minus, zero and plus: a row a layer, with a bar. */
export function ternaryTable(layers: readonly LayerFigures[], caption: string): Html {
  return html`<table class="bars">
<caption>${caption}</caption>
<thead><tr><th scope="col">Layer</th><th scope="col">−1</th><th scope="col">0</th><th scope="col">+1</th>
<td class="key"><span class="minus">−1</span> <span class="zero">0</span> <span class="plus">+1</span></td></tr></thead>
<tbody>${layers.map(
    ({ minus, zero, plus }, l) => html`
<tr><th scope="row">${l + 1}</th><td>${percent(minus)}</td><td>${percent(zero)}</td><td>${percent(plus)}</td>
<td class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">${[
      bar("minus", 0, minus),
      bar("zero", minus, zero),
      bar("plus", minus + zero, plus),
    ]}</svg></td></tr>`,
  )}</tbody></table>`;
}

/**
 * How long the channels of each layer remember: a row a layer, with a box from the tenth to the last tenth of them on
 * a logarithmic axis.
 */
export function halfLifeTable(layers: readonly LayerFigures[], config: ModelConfig, caption: string): Html {
  const all = layers.flatMap(({ halfLife }) => [halfLife[LEAST], halfLife[LARGEST]]).filter((life) => life > 0);
  const [low, high] = [Math.log10(Math.min(...all)), Math.log10(Math.max(...all))];
  const decades = { from: Math.floor(low), to: Math.max(Math.ceil(high), Math.floor(low) + 1) };
  // hundredths of the width
  const at = (life: number) =>
    (100 * (Math.log10(Math.max(life, 10 ** decades.from)) - decades.from)) / (decades.to - decades.from);
  const ticks = Array.from({ length: decades.to - decades.from + 1 }, (_, i) => 10 ** (decades.from + i));
  const grid = ticks.map((tick) => html`<path class="grid" d="M${place(at(tick))} 0V20"/>`);
  return html`<table class="bars boxes">
<caption>${caption}</caption>
<thead><tr><th scope="col">Layer</th><th scope="col" class="beside">at least</th><th scope="col" class="beside">10 %</th><th scope="col">median</th>
<th scope="col" class="beside">90 %</th><th scope="col">longest</th><td class="key"><svg class="scale" aria-hidden="true">${ticks.map(
    (tick, i) =>
      html`<text x="${place(at(tick))}%" y="1em" text-anchor="${i === 0 ? "start" : i === ticks.length - 1 ? "end" : "middle"}">${tokens(tick)}</text>`,
  )}</svg></td></tr></thead>
<tbody>${layers.map(({ halfLife }, l) => {
    const [least, largest] = [at(halfLife[LEAST]), at(halfLife[LARGEST])].map(place);
    const outer = [at(halfLife[TENTH]), at(halfLife[NINE_TENTHS])];
    const inner = [at(halfLife[QUARTER]), at(halfLife[THREE_QUARTERS])];
    const middle = at(halfLife[MEDIAN]);
    return html`
<tr><th scope="row">${l + 1}</th><td class="beside">${tokens(round(leastHalfLife(config, l)))}</td><td class="beside">${tokens(round(halfLife[TENTH]))}</td>
<td>${tokens(round(halfLife[MEDIAN]))}</td><td class="beside">${tokens(round(halfLife[NINE_TENTHS]))}</td><td>${tokens(round(halfLife[LARGEST]))}</td>
<td class="bar"><svg viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">${grid}
<path class="whisker" d="M${least} 10H${largest}"/>${box("outer", outer)}${box("inner", inner)}
<path class="median" d="M${place(middle)} 2V18"/></svg></td></tr>`;
  })}</tbody></table>`;
}

function bar(className: string, from: number, share: number): Html {
  return html`<rect class="${className}" x="${place(100 * from)}" width="${place(100 * share)}" height="10"/>`;
}

function box(className: string, [from, to]: readonly number[]): Html {
  return html`<rect class="${className}" x="${place(from)}" y="4" width="${place(Math.max(to - from, 0.3))}" height="12"/>`;
}

function place(value: number): string {
  return value.toFixed(2);
}

/** Three digits. */
function round(life: number): number {
  return Number(life.toPrecision(3));
}
