/** In which unit a stretch of so many seconds reads well. */
export function timeUnit(seconds: number): { readonly name: string; readonly size: number } {
  if (seconds < 180) return { name: "seconds", size: 1 };
  return seconds < 3 * 3600 ? { name: "minutes", size: 60 } : { name: "hours", size: 3600 };
}

/** The label of a tick: short, with k and M for thousands and millions. */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${short(value / 1e9)} G`;
  if (size >= 1e6) return `${short(value / 1e6)} M`;
  if (size >= 1e4) return `${short(value / 1e3)} k`;
  return short(value);
}

/** A value in a legend: four digits, or all of a whole number. */
export function axisValue(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value) || Math.abs(value) >= 1e4) return Math.round(value).toLocaleString("en");
  return Math.abs(value) < 1e-2 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function short(value: number): string {
  const size = Math.abs(value);
  return size > 0 && size < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(4)));
}
