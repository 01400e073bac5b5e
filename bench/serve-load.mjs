/**
 * Many clients at once on `thunderbolt serve`, over loopback: first one client alone, then many, each asking again as
 * soon as it has its answer, every other one as a stream.
 *
 *   node bench/serve-load.mjs [MODEL] [--clients 64] [--seconds 60] [--warm-up 60] [--max-tokens 100] [--runtime node]
 *
 * Without MODEL it trains `small` for 20 steps. The warm-up is as the rest, but not counted: it lasts until the heaps of
 * V8 have their size. Prints one JSON object; exits 1 if a request failed, if a text differs from the one that the
 * client alone got for its prompt and seed, or if the server's memory grew by more than 5 % and 16 MiB from the first
 * tenth of the time to the last.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "64" },
    seconds: { type: "string", default: "60" },
    "warm-up": { type: "string", default: "60" },
    "max-tokens": { type: "string", default: "100" },
    runtime: { type: "string", default: process.execPath },
  },
});
const names = ["clients", "seconds", "warm-up", "max-tokens"];
const [clients, seconds, warmUp, maxTokens] = names.map((name) => Number(values[name]));
const folder = mkdtempSync(join(tmpdir(), "thunderbolt-load-"));
const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const data = fileURLToPath(new URL("../data/tinystories.txt", import.meta.url));

let [model] = positionals;
if (model === undefined) {
  model = join(folder, "small");
  execFileSync(process.execPath, [cli, "train", data, "--preset", "small", "--steps", "20", "--out", model], {
    stdio: "ignore",
  });
}
const server = spawn(values.runtime, [cli, "serve", model, "--port", "0", "--json"], {
  stdio: ["ignore", "pipe", "inherit"],
});
const { url } = JSON.parse(await new Promise((resolve) => server.stdout.once("data", resolve)));
const agent = new Agent({ keepAlive: true, maxSockets: clients });

/** What is asked for: some prompts, each with some seeds. */
const prompts = ["Once upon a time", "The dog", "Mom said", "One day, Tim and his friend went to the park. They"];
const cases = Array.from({ length: 16 }, (_, i) => ({ prompt: prompts[i % 4], seed: i }));

/** The text of one answer and its tokens. */
function complete({ prompt, seed }, stream) {
  const body = {
    prompt,
    seed,
    max_tokens: maxTokens,
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/completions`, { method: "POST", agent }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        answer += chunk;
      });
      response.on("error", reject).on("end", () => {
        if (response.statusCode !== 200) return reject(new Error(`${response.statusCode} ${answer}`));
        const chunks = stream ? events(answer) : [JSON.parse(answer)];
        const text = chunks.map(({ choices }) => choices[0]?.text ?? "").join("");
        resolve({ text, tokens: chunks.at(-1).usage.completion_tokens });
      });
    });
    sent.on("error", reject).end(JSON.stringify(body));
  });
}

function events(answer) {
  const lines = answer.trimEnd().split("\n\n");
  if (lines.pop() !== "data: [DONE]") throw new Error(`a stream was cut: ${answer.slice(-200)}`);
  return lines.map((line) => JSON.parse(line.slice("data: ".length)));
}

/** MiB that the server holds. */
const resident = () => Number(execFileSync("ps", ["-o", "rss=", "-p", String(server.pid)])) / 1024;

/** Texts for as long as that, by so many clients. @returns tokens a second, and what went wrong. */
async function load(count, forMs, expected) {
  const started = performance.now();
  const result = { requests: 0, tokens: 0, errors: [], different: 0 };
  await Promise.all(
    Array.from({ length: count }, async (_, client) => {
      for (let round = 0; performance.now() - started < forMs; round++) {
        const which = (client + round) % cases.length;
        try {
          const { text, tokens } = await complete(cases[which], (client + round) % 2 === 0);
          expected[which] ??= text;
          if (text !== expected[which]) result.different++;
          result.tokens += tokens;
          result.requests++;
        } catch (error) {
          result.errors.push(String(error));
          return;
        }
      }
    }),
  );
  return { ...result, tokensPerSecond: Math.round((result.tokens / (performance.now() - started)) * 1000) };
}

const expected = [];
// until the compilers are done, and every text is known
await load(1, 4000, expected);
for (const [i, one] of cases.entries()) expected[i] ??= (await complete(one, false)).text;
const alone = await load(1, Math.min(10_000, seconds * 1000), expected);
const before = await load(clients, warmUp * 1000, expected);
let [early, late] = [0, 0];
const started = performance.now();
const watch = setInterval(() => {
  const part = (performance.now() - started) / 1000 / seconds;
  if (part <= 0.1) early = Math.max(early, resident());
  else if (part > 0.9) late = Math.max(late, resident());
}, seconds * 40);
const together = await load(clients, seconds * 1000, expected);
clearInterval(watch);
const exit = new Promise((resolve) => server.once("exit", resolve));
server.kill("SIGTERM");
const errors = [...alone.errors, ...before.errors, ...together.errors];
const result = {
  clients,
  seconds,
  requests: together.requests,
  tokens: together.tokens,
  tokensPerSecond: together.tokensPerSecond,
  tokensPerSecondAlone: alone.tokensPerSecond,
  ratio: Number((together.tokensPerSecond / alone.tokensPerSecond).toFixed(2)),
  errors: errors.length,
  different: alone.different + before.different + together.different,
  residentMiB: { firstTenth: Math.round(early), lastTenth: Math.round(late) },
  exitCode: await exit,
};
agent.destroy();
rmSync(folder, { recursive: true });
console.log(JSON.stringify(result));
if (errors.length > 0) console.error(errors.slice(0, 5).join("\n"));
const grew = late > early * 1.05 && late > early + 16;
process.exitCode = errors.length > 0 || result.different > 0 || grew || result.exitCode !== 0 ? 1 : 0;
