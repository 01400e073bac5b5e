// Which lines of assembly/ a stack trace of wasm-build/debug.wasm is about: copies stdin to stdout with their places.
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { text } from "node:stream/consumers";

const map = new SourceMap(JSON.parse(readFileSync(new URL("debug.wasm.map", import.meta.url), "utf8")));
const stack = await text(process.stdin);
// a module is one line to a source map, and a place in it a column
const places = stack.replace(/wasm:\/\/wasm\/\w+:wasm-function\[\d+\]:0x(\w+)/g, (place, offset) => {
  const { fileName, lineNumber, columnNumber } = map.findOrigin(1, Number.parseInt(offset, 16) + 1);
  return fileName === undefined ? place : `${fileName}:${lineNumber}:${columnNumber}`;
});
process.stdout.write(places);
