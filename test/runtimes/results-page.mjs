// For a page beside model.thunderbolt and text.txt: posts its results with one worker and with three.
import { resultsOf } from "./results.mjs";

async function all() {
  const heldOut = await (await fetch("text.txt")).text();
  const results = [];
  for (const workers of [1, 3]) results.push(await resultsOf("model.thunderbolt", heldOut, { workers }));
  return { isolated: crossOriginIsolated, results };
}

const answer = await all().catch((error) => ({ error: String(error) }));
await fetch("/result", { method: "POST", body: JSON.stringify(answer) });
