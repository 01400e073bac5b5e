/** Points a curve has at most. */
const MOST_POINTS = 1500;

/** Many values in stretches of equally many; the last may be shorter. */
export interface Thinning {
  /** Values in a stretch; 1 where all are kept. */
  readonly every: number;
  /** The index of the last value of each stretch. */
  readonly ends: readonly number[];
}

/** Cuts `count` values into at most `most` stretches. */
export function thinning(count: number, most = MOST_POINTS): Thinning {
  const every = Math.max(1, Math.ceil(count / most));
  const ends: number[] = [];
  for (let end = every; end < count; end += every) ends.push(end - 1);
  if (count > 0) ends.push(count - 1);
  return { every, ends };
}

/** The last value of each stretch. */
export function lasts(values: readonly number[], { ends }: Thinning): number[] {
  return ends.map((end) => values[end]);
}

/** The mean of each stretch. */
export function means(values: readonly number[], by: Thinning): number[] {
  return eachStretch(values, by, (stretch) => stretch.reduce((a, b) => a + b, 0) / stretch.length);
}

/** The least value of each stretch. */
export function lows(values: readonly number[], by: Thinning): number[] {
  return eachStretch(values, by, (stretch) => stretch.reduce((a, b) => Math.min(a, b)));
}

/** The largest value of each stretch. */
export function highs(values: readonly number[], by: Thinning): number[] {
  return eachStretch(values, by, (stretch) => stretch.reduce((a, b) => Math.max(a, b)));
}

/** For each value the mean of the last `width` ones, itself included. */
export function runningMeans(values: readonly number[], width: number): number[] {
  return values.map((_, i) => {
    const last = values.slice(Math.max(0, i + 1 - width), i + 1);
    return last.reduce((a, b) => a + b, 0) / last.length;
  });
}

/** At most `most` of some things, the first and the last among them, evenly spread. */
export function spread<T>(things: readonly T[], most: number): T[] {
  if (things.length <= most) return [...things];
  return Array.from({ length: most }, (_, i) => things[Math.round((i * (things.length - 1)) / (most - 1))]);
}

function eachStretch(
  values: readonly number[],
  { ends }: Thinning,
  figure: (stretch: readonly number[]) => number,
): number[] {
  return ends.map((end, i) => figure(values.slice(i === 0 ? 0 : ends[i - 1] + 1, end + 1)));
}
