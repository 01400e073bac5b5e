const LONGEST = 80;

/** A value from a file or a caller as a message shows it: JSON on one line, cut where it is long. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  // JSON has no NaN
  if (typeof value === "number") return String(value);
  const json = jsonOf(value);
  return json.length > LONGEST ? `${json.slice(0, LONGEST - 3)}...` : json;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    // lists in lists in lists, thousands of them, are more than the stack holds; other things are no JSON at all
    return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
  }
}
