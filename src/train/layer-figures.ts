import type { ModelConfig } from "../engine/config.ts";
import { forgetFloor } from "../engine/model-plan.ts";
import { type Parameter, parameterTable } from "../engine/parameters.ts";

/** The shares of the codes of a layer's six ternary matrices together; they add up to 1. */
export interface TernaryShares {
  readonly zero: number;
  readonly plus: number;
  readonly minus: number;
}

/** Which shares of the channels {@link LayerFigures.halfLife} gives: the least, five in between, the largest. */
export const HALF_LIFE_QUANTILES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1] as const;

/** What can be told of one layer in a few numbers. */
export interface LayerFigures extends TernaryShares {
  /**
   * After how many tokens half of what a channel has read is forgotten: {@link HALF_LIFE_QUANTILES} over the channels
   * of the recurrence.
   */
  readonly halfLife: readonly number[];
}

/** The shares of zero, plus and minus in each layer, as the weights are quantised (MODEL.md, BitLinear). */
export function ternaryShares<P extends Parameter>(
  config: ModelConfig,
  parameters: readonly P[],
  values: (parameter: P) => Float32Array,
): TernaryShares[] {
  const counts = Array.from({ length: config.nLayers }, () => ({ all: 0, plus: 0, minus: 0 }));
  for (const parameter of parameters) {
    if (parameter.kind !== "ternary") continue;
    const layer = counts[Number(parameter.name.split(".")[1])];
    const weights = values(parameter);
    const scale = Math.fround(Math.max(1e-5, weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length));
    for (const w of weights) {
      // half rounds to even, which is zero
      const scaled = Math.fround(w / scale);
      if (scaled > 0.5) layer.plus++;
      else if (scaled < -0.5) layer.minus++;
    }
    layer.all += weights.length;
  }
  return counts.map(({ all, plus, minus }) => ({
    zero: short(1 - (plus + minus) / all),
    plus: short(plus / all),
    minus: short(minus / all),
  }));
}

/**
 * The half-lives of a layer's channels over some text.
 *
 * @param gates forget gates of stretches of text, [T][channels] each.
 */
export function halfLifeQuantiles(gates: readonly Float32Array[], channels: number): number[] {
  const logs = new Float64Array(channels);
  let tokens = 0;
  for (const stretch of gates) {
    for (let i = 0; i < stretch.length; i++) logs[i % channels] += Math.log(Math.max(stretch[i], 1e-30));
    tokens += stretch.length / channels;
  }
  // a gate may round to 1, which would never forget
  const lives = logs.map((log) => -Math.LN2 / Math.min(log / tokens, -1e-7)).sort();
  return HALF_LIFE_QUANTILES.map((share) => short(lives[Math.round(share * (channels - 1))]));
}

/** The least half-life that a layer's gates can have: that of their least value, 0 in the first layer. */
export function leastHalfLife(config: ModelConfig, layer: number): number {
  return -Math.LN2 / Math.log(forgetFloor(config, layer));
}

/**
 * The figures of a model of which nothing is known but its values: gates are taken at their bias, as if nothing were
 * read.
 *
 * @throws what `values` throws.
 */
export function layersAtRest(config: ModelConfig, values: (parameter: Parameter) => Float32Array): LayerFigures[] {
  const table = parameterTable(config);
  return ternaryShares(config, table, values).map((shares, layer) => {
    const bias = table.find(({ name }) => name === `blocks.${layer}.rec.f_bias`);
    const floor = forgetFloor(config, layer);
    const gates = bias ? values(bias).map((b) => floor + (1 - floor) / (1 + Math.exp(-b))) : new Float32Array(1);
    return { ...shares, halfLife: halfLifeQuantiles([gates], gates.length) };
  });
}

/** Four digits say enough. */
function short(value: number): number {
  return Number(value.toPrecision(4));
}
