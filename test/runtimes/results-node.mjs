// For Node, Deno and Bun: node results-node.mjs WORKERS [KERNELS], beside model.thunderbolt and text.txt
import { readFileSync } from "node:fs";
import { resultsOf } from "./results.mjs";

const heldOut = readFileSync(new URL("text.txt", import.meta.url), "utf8");
const [workers, kernels] = process.argv.slice(2);
const options = { workers: Number(workers), kernels };
console.log(JSON.stringify(await resultsOf(new URL("model.thunderbolt", import.meta.url), heldOut, options)));
