/**
 * Draws the runs of `bench/quality.mjs`: a table on stdout, and the curves as a picture.
 *
 *   node bench/quality-report.mjs DIR --svg bench/quality.svg
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { positionals, values } = parseArgs({ allowPositionals: true, options: { svg: { type: "string" } } });
const [folder] = positionals;
if (!folder) throw new Error("usage: node bench/quality-report.mjs DIR [--svg FILE]");
const runs = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
const seeds = [...new Set(runs.map(({ seed }) => seed))].sort((a, b) => a - b);
const of = (activations, seed) => runs.find((run) => run.activations === activations && run.seed === seed);
const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const percent = (a, b) => `${((a / b - 1) * 100).toFixed(2).replace(/^(?=\d)/, "+")} %`;

console.log("| seed | float32, bits per byte | int8 | difference |\n|---|---|---|---|");
const pairs = seeds.map((seed) => [of("float32", seed), of("int8", seed)]).filter(([a, b]) => a && b);
for (const [float, int] of pairs) {
  console.log(
    `| ${float.seed} | ${float.valBitsPerByte.toFixed(4)} | ${int.valBitsPerByte.toFixed(4)} | ${percent(int.valBitsPerByte, float.valBitsPerByte)} |`,
  );
}
const [floats, ints] = [0, 1].map((i) => mean(pairs.map((pair) => pair[i].valBitsPerByte)));
console.log(`| mean | ${floats.toFixed(4)} | ${ints.toFixed(4)} | ${percent(ints, floats)} |`);

if (values.svg) writeFileSync(values.svg, picture());

/** Held-out bits per byte against tokens, one line a run, on a logarithmic scale of bits. */
function picture() {
  const [width, height, left, bottom, top, right] = [760, 420, 60, 50, 40, 20];
  const points = runs.flatMap(({ curve }) => curve);
  const most = Math.max(...points.map(({ tokens }) => tokens));
  const [low, high] = [
    Math.min(...points.map(({ bitsPerByte }) => bitsPerByte)) * 0.97,
    Math.max(...points.map(({ bitsPerByte }) => bitsPerByte)) * 1.02,
  ];
  const x = (tokens) => left + ((width - left - right) * tokens) / most;
  const y = (bits) => top + ((height - top - bottom) * Math.log(high / bits)) / Math.log(high / low);
  const colours = { float32: "#7a8699", int8: "#d9480f" };
  const line = ({ activations, curve }) =>
    `<polyline fill="none" stroke="${colours[activations]}" stroke-width="1.6"${activations === "int8" ? ' stroke-dasharray="5 3"' : ""} points="${curve.map(({ tokens, bitsPerByte }) => `${x(tokens).toFixed(1)},${y(bitsPerByte).toFixed(1)}`).join(" ")}"/>`;
  const text = (at, down, content, anchor = "middle") =>
    `<text x="${at}" y="${down}" text-anchor="${anchor}">${content}</text>`;
  const rows = [0.95, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2].filter((bits) => bits > low && bits < high);
  const columns = Array.from({ length: Math.floor(most / 500_000) + 1 }, (_, i) => i * 500_000);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" fill="#444">
<title>Held-out bits per byte against training tokens, float32 and int8</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${text(left, 22, `Held-out bits per byte, preset ${runs[0].preset}, ${seeds.length} seeds`, "start")}
${rows.map((bits) => `<line x1="${left}" x2="${width - right}" y1="${y(bits).toFixed(1)}" y2="${y(bits).toFixed(1)}" stroke="#e3e6ea"/>${text(left - 8, (y(bits) + 4).toFixed(1), bits, "end")}`).join("\n")}
${columns.map((tokens) => text(x(tokens).toFixed(1), height - bottom + 20, `${tokens / 1e6} M`)).join("\n")}
${text((left + width - right) / 2, height - 10, "training tokens")}
${runs
  .filter(({ activations }) => activations === "float32")
  .map(line)
  .join("\n")}
${runs
  .filter(({ activations }) => activations === "int8")
  .map(line)
  .join("\n")}
${Object.entries(colours)
  .map(
    ([name, colour], i) =>
      `<line x1="${width - 170}" x2="${width - 140}" y1="${60 + 20 * i}" y2="${60 + 20 * i}" stroke="${colour}" stroke-width="2"${name === "int8" ? ' stroke-dasharray="5 3"' : ""}/>${text(width - 132, 64 + 20 * i, name, "start")}`,
  )
  .join("\n")}
</svg>
`;
}
