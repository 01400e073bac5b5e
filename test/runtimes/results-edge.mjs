// For workerd, the runtime of Cloudflare's Workers, which compiles nothing while it runs: answers with its results.
import wasm from "thunderbolt-lm/single.wasm";
import model from "./model.thunderbolt";
import { resultsOf } from "./results.mjs";
import heldOut from "./text.txt";

export default {
  fetch: async () => Response.json(await resultsOf(model, heldOut, { wasm })),
};
