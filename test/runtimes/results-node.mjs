// For Node, Deno and Bun: node results-node.mjs WORKERS, beside model.thunderbolt and text.txt
import { readFileSync } from "node:fs";
import { resultsOf } from "./results.mjs";

const heldOut = readFileSync(new URL("text.txt", import.meta.url), "utf8");
const workers = Number(process.argv[2]);
console.log(JSON.stringify(await resultsOf(new URL("model.thunderbolt", import.meta.url), heldOut, { workers })));
