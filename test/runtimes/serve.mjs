// The server in every runtime: node test/runtimes/serve.mjs
// Installs the runtimes (runtimes.mjs); needs a built dist/ (npm run build). Clients are Node's.
import { execFileSync, spawn } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installRuntimes } from "./runtimes.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cli = join(root, "dist/cli.js");
const { folder, runtimes } = installRuntimes();
const run = join(folder, "run");
const train = ["train", "data/tinystories.txt", "--preset", "tiny", "--steps", "5", "--out", run];
execFileSync(process.execPath, [cli, ...train], { cwd: root, stdio: "ignore" });
const generate = ["generate", run, "--prompt", "The dog", "--seed", "3", "--max-tokens", "40", "--json"];
const { text } = JSON.parse(execFileSync(process.execPath, [cli, ...generate]).toString());

const asked = { prompt: "The dog", seed: 3, max_tokens: 40 };
const endless = { prompt: "The dog", max_tokens: 1_000_000, temperature: 0 };
const post = (url, body, init) =>
  fetch(`${url}/v1/completions`, { method: "POST", body: JSON.stringify(body), ...init });
const growing = async (url) => (await (await fetch(`${url}/healthz`)).json()).growing;
const until = async (isSo) => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
  return true;
};

/** What comes back to raw bytes before the connection is closed: its first line. */
function raw(url, bytes) {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes));
    let answer = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", () => {}).on("close", () => resolve(answer.split("\r\n")[0]));
  });
}

/** What must be so, by name. */
const checks = {
  "gives the text of generate": async (url) => (await (await post(url, asked)).json()).choices[0].text === text,
  "streams it": async (url) => {
    const events = (await (await post(url, { ...asked, stream: true })).text()).split("\n\n");
    const chunks = events.slice(0, -2).map((event) => JSON.parse(event.slice("data: ".length)).choices[0].text);
    return chunks.join("") === text && events.at(-2) === "data: [DONE]";
  },
  "frees the place of a stream whose client leaves": async (url) => {
    const leaving = new AbortController();
    const { body } = await post(url, { ...endless, stream: true }, { signal: leaving.signal });
    await body.getReader().read();
    leaving.abort();
    return until(async () => (await growing(url)) === 0);
  },
  "frees the places of a request whose client leaves": async (url) => {
    const leaving = new AbortController();
    const whole = post(url, { ...endless, n: 4 }, { signal: leaving.signal }).catch(() => {});
    await until(async () => (await growing(url)) === 4);
    leaving.abort();
    await whole;
    return until(async () => (await growing(url)) === 0);
  },
  "refuses a body that is too large": async (url) => (await post(url, { prompt: "x".repeat(2 ** 21) })).status === 413,
  "refuses another host": async (url) =>
    (await raw(url, "GET /healthz HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n")).includes(" 403 "),
  "refuses headers without end": async (url) =>
    (await raw(url, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(30_000)}`)).includes(" 431 "),
  "waits for headers no longer than ten seconds": async (url) =>
    /^$| 408 /.test(await raw(url, "GET / HTTP/1.1\r\nHost: localhost\r\n")),
};

let failed = 0;
for (const [name, [command, ...before]] of Object.entries(runtimes)) {
  const server = spawn(command, [...before, cli, "serve", run, "--port", "0", "--max-tokens", "1000000", "--json"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exit = new Promise((resolve) => server.once("exit", resolve));
  const { url } = JSON.parse(await new Promise((resolve) => server.stdout.once("data", resolve)));
  const results = { ...checks, "ends with 0 at SIGTERM": async () => server.kill("SIGTERM") && (await exit) === 0 };
  for (const [check, isSo] of Object.entries(results)) {
    const good = await isSo(url);
    if (!good) failed++;
    console.log(`${good ? "so" : "NOT SO"}  ${name}  ${check}`);
  }
}
console.log(failed === 0 ? "all so" : `${failed} not so`);
process.exitCode = failed === 0 ? 0 : 1;
