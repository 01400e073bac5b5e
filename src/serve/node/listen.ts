import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { OptionError } from "../../engine/errors.ts";

/** A server that listens. */
export interface Listener {
  /** Where, with the port that it got. */
  readonly url: string;
  /**
   * Takes no more connections, lets those that work go on for some seconds, and then cuts them.
   *
   * @param last called when that time is over, before they are cut
   */
  close(seconds: number, last: () => void): Promise<void>;
}

/** Limits of a connection, in milliseconds and bytes: who sends slowly, or nothing, does not stay. */
export interface ConnectionLimits {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  /** For a connection on which nothing moves, in either direction. */
  readonly idleTimeout: number;
  /** How often the first two are looked at. */
  readonly connectionsCheckingInterval: number;
  readonly maxHeaderSize: number;
}

const usual: ConnectionLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  idleTimeout: 300_000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16_384,
};
const MAX_CONNECTIONS = 2048;

/**
 * Listens for HTTP with Node's server, which Deno and Bun have too.
 *
 * @param port 0 for any that is free
 * @throws OptionError for a port or an address that cannot be had.
 */
export async function listen(
  app: Hono,
  host: string,
  port: number,
  limits: Partial<ConnectionLimits> = {},
): Promise<Listener> {
  const { idleTimeout, ...options } = { ...usual, ...limits };
  const server = createServer(options, getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  server.setTimeout(idleTimeout);
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(refusal(error, host, port)));
    server.listen(port, host, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${actual}`;
  return { url, close: (seconds, last) => close(server, seconds, last) };
}

/** Between the end of the work and the cutting of connections: what is left to say is sent. */
const LAST_WORDS_MS = 1000;

async function close(server: Server, seconds: number, last: () => void): Promise<void> {
  // a connection that is kept for another request is idle once it has its answer
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const timers = [
    setTimeout(last, seconds * 1000),
    setTimeout(() => server.closeAllConnections(), seconds * 1000 + LAST_WORDS_MS),
  ];
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(idle);
  for (const timer of timers) clearTimeout(timer);
}

function refusal({ code, message }: NodeJS.ErrnoException, host: string, port: number): OptionError {
  if (code === "EADDRINUSE") {
    return new OptionError(`port is ${port}, which is in use on ${host}; give another, or 0 for any that is free`);
  }
  if (code === "EACCES") return new OptionError(`port is ${port}, which this user may not take; give one from 1024`);
  return new OptionError(`host is ${host}, on which this machine cannot listen (${code ?? message}); give another`);
}
