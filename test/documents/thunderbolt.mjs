// `thunderbolt` for the documents' commands: this repository's dist/cli.js, with trainings made short.
import { shortArguments } from "./shorten.mjs";

const { DOCUMENTS_SHAPE, DOCUMENTS_PORT, DOCUMENTS_HUBS } = process.env;
const args = shortArguments(process.argv.slice(2), DOCUMENTS_SHAPE, DOCUMENTS_PORT);
if (args[0] === "fetch") process.env.HF_ENDPOINT = JSON.parse(DOCUMENTS_HUBS)[args[1]];
process.argv.splice(2, process.argv.length, ...args);
await import(new URL("../../dist/cli.js", import.meta.url).href);
