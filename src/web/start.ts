import { Engine } from "./engine.ts";

/** The engine of the page. The browser runs this module before the rest of the page is there: a worker takes its time. */
export const engine: Engine = new Engine();
