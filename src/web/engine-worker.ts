import { unpacked } from "../engine/embedded-module.ts";
import { compileKernels } from "../engine/module.ts";
import { EngineWork, type Works } from "./engine-work.ts";
import type { FromEngine, Kind, Order, ToEngine } from "./protocol.ts";

const stops = new Map<number, AbortController>();
const work: Works = new EngineWork();

addEventListener("message", ({ data }: MessageEvent<ToEngine>) => {
  if (data.kind === "stop") stops.get(data.order)?.abort();
  else void take(data);
});

unpacked.then(introduce).catch((error) => post({ kind: "unable", message: messageOf(error) }));

function introduce(): void {
  const { set } = compileKernels();
  const isolated = globalThis.crossOriginIsolated === true;
  const threads = isolated && set !== "single" ? navigator.hardwareConcurrency : 1;
  post({ kind: "ready", runtime: { kernels: set, threads, isolated } });
}

async function take<K extends Kind>({ order, kind, request }: Order<K>): Promise<void> {
  const stop = new AbortController();
  stops.set(order, stop);
  const { signal } = stop;
  try {
    const result = await work[kind](request, signal, (event) => post({ order, kind: "event", event }));
    post({ order, kind: "result", result });
  } catch (error) {
    const stopped = signal.aborted && error === signal.reason;
    post(stopped ? { order, kind: "stopped" } : { order, kind: "failed", message: messageOf(error) });
  } finally {
    stops.delete(order);
  }
}

function post(message: FromEngine): void {
  postMessage(message);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
