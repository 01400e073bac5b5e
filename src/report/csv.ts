import { type RunRecord, stepColumns } from "./run-record.ts";

/** Metrics as CSV (RFC 4180): a row a step of each run, with the score after it where there is one. */
export function metricsCsv(runs: readonly RunRecord[]): string {
  const rows = [["run", ...stepColumns, "valBitsPerByte", "valNatsPerToken"]];
  for (const { name, steps, scores } of runs) {
    const scoreOf = new Map(scores.map((score) => [score.step, score]));
    steps.step.forEach((step, i) => {
      const score = scoreOf.get(step);
      const scored = [score?.bitsPerByte ?? "", score?.natsPerToken ?? ""];
      rows.push([name, ...stepColumns.map((column) => String(steps[column][i])), ...scored.map(String)]);
    });
  }
  return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
