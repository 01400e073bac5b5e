import { workerData } from "piscina";
import { sharesOf } from "./shares.ts";

/** What a thread of the pool does: its share of a phase. */
export default sharesOf(workerData);
