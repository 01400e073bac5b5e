/** A count with thousands set apart. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** A size in decimal units, as file managers give it. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${(value / 1e3).toFixed(0)} kB` : `${(value / 1e6).toFixed(value < 1e7 ? 2 : 1)} MB`;
}

/** A stretch of time, to the second. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A short stretch of time. */
export function milliseconds(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1000).toFixed(0)} ms` : `${seconds.toFixed(1)} s`;
}

/** A rate, to three digits where it is small. */
export function rate(value: number): string {
  return value < 100 ? value.toPrecision(3) : count(value);
}
