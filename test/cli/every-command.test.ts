// What all commands have in common, tested on the built one. A new command is a new row of the table.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { trainVocabulary } from "../../src/tokenizer/train-vocabulary.ts";
import { HubServer } from "../hub-server.ts";
import { json, put, type RunOptions, refuse, smallInputs, temporaryFolder, thunderbolt, works } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const run = join(folder, "run");
const nowhere = join(folder, "nowhere");
const tokenizer = join(folder, "bytes.json");
const checkpoint = fileURLToPath(new URL("../fixtures/checkpoints/bare.pt", import.meta.url));
const fresh = () => join(folder, `out-${outs++}`);
let outs = 0;
let hub: HubServer;

interface Row {
  /** What `--help` must name, but for --json and --help, which all have. */
  readonly options: string;
  /** Arguments of a call that works, and what it needs. */
  readonly works: () => string[];
  readonly needs?: () => RunOptions;
  /** What its result has, of what is promised to scripts. */
  readonly keys: string;
  /** Calls that are refused, and what their one line must say: no argument or no such file, a value that is wrong. */
  readonly refuses: () => readonly (readonly [args: string[], culprit: RegExp])[];
}

const commands: Readonly<Record<string, Row>> = {
  fetch: {
    options: "--out --overwrite",
    works: () => ["flashlm-v5", "--out", fresh()],
    needs: () => ({ env: { HF_ENDPOINT: hub.url, HF_TOKEN: "", HF_HOME: folder } }),
    keys: "files bytes",
    refuses: () => [
      [[], /missing required argument 'what'.*fetch --help/],
      [["everything"], /there is no "everything" to fetch; known: tinystories, flashlm-v5/],
      [["flashlm-v5", "--out", inputs.text], /--out is .*text\.txt is a file/],
    ],
  },
  prepare: {
    options:
      "--out --vocab --tokenizer --as-released --separator --field --val-share --sample --seed --workers --overwrite --verify",
    works: () => [inputs.text, "--vocab", "300", "--workers", "1", "--out", fresh()],
    keys: "stories bytes trainTokens valTokens vocab",
    refuses: () => [
      [[], /--out is missing/],
      [[nowhere, "--out", fresh()], /nowhere does not exist/],
      [[inputs.text, "--out", fresh(), "--vocab", "many"], /--vocab .*'many' is invalid/],
    ],
  },
  train: {
    options:
      "--out --preset --config --steps --minutes --batch --accumulate --seq-len --vocab --lr --min-lr --warmup-steps --weight-decay --seed --workers --val --save-every --keep --eval-every --resume --overwrite --kernels",
    works: () => [...inputs.train.slice(1), "--steps", "2", "--out", fresh()],
    keys: "steps tokens seconds tokensPerSecond trainLoss valBitsPerByte valNatsPerToken valPerplexity sha256",
    refuses: () => [
      [["--out", fresh()], /missing required argument 'text'/],
      [[nowhere, "--out", fresh()], /nowhere does not exist/],
      [[inputs.text, "--out", fresh(), "--preset", "huge"], /unknown preset "huge"; known: tiny, small, medium, v5/],
    ],
  },
  report: {
    options: "--output --csv",
    works: () => [run, "-o", fresh()],
    keys: "path bytes runs",
    refuses: () => [
      [[], /missing required argument 'run'/],
      [[nowhere], /nowhere does not exist/],
      [[run, "-o", join(nowhere, "a")], /--output is .*, but there is no folder .*nowhere; make it first/],
    ],
  },
  eval: {
    options: "--data --mode --as-released --workers --kernels",
    works: () => [run, "--data", inputs.heldOut, "--workers", "1"],
    keys: "bitsPerByte natsPerToken perplexity tokens bytes causal tokensPerSecond",
    refuses: () => [
      [[run], /required option '--data <text>' not specified/],
      [[run, "--data", nowhere], /nowhere does not exist/],
      [[run, "--data", inputs.heldOut, "--mode", "other"], /unknown mode "other"; known: window, stream/],
    ],
  },
  generate: {
    options:
      "--prompt --max-tokens --temperature --top-k --top-p --min-p --repetition-penalty --stop --seed --count --workers --kernels",
    works: () => [run, "--prompt", "Once", "--max-tokens", "5"],
    keys: "text tokens tokensPerSecond finishReason seed",
    refuses: () => [
      [[nowhere], /nowhere does not exist/],
      [[run, "--max-tokens", "many"], /--max-tokens .*'many' is invalid/],
      [[run, "--temperature", "-1"], /--temperature is -1; it must be/],
    ],
  },
  audit: {
    options: "--seed --kernels",
    works: () => [run],
    keys: "causal largestLeak where",
    refuses: () => [
      [[], /missing required argument 'model'/],
      [[nowhere], /nowhere does not exist/],
      [[run, "--seed", "1.5"], /--seed is 1\.5; it must be a whole number/],
      [[run, "--seed", "-1"], /--seed is -1; it must be a whole number/],
    ],
  },
  info: {
    options: "--kernels",
    works: () => [run],
    keys: "file bytes sha256 step config counts kernels relaxedSimd parameters",
    refuses: () => [
      [[], /missing required argument 'model'/],
      [[nowhere], /nowhere does not exist/],
      [[run, "--kernels", "avx"], /unknown kernels "avx"; known: simd, relaxed, single/],
    ],
  },
  pack: {
    options: "--output --kernels",
    works: () => [run, "-o", fresh()],
    keys: "bytes ternaryBytes sha256",
    refuses: () => [
      [[run], /required option '-o, --output <file>' not specified/],
      [[nowhere, "-o", fresh()], /nowhere does not exist/],
      [[run, "-o", join(nowhere, "a")], /--output is .*, but there is no folder .*nowhere; make it first/],
      [[run, "-o", join(inputs.text, "a")], /--output is .*text\.txt is a file/],
      [[run, "-o", folder], /--output is .*, which is a folder/],
      [[run, "-o", ""], /--output is empty/],
      [[run, "-o", fresh(), "--kernels", "avx"], /unknown kernels "avx"/],
    ],
  },
  import: {
    options: "--out --tokenizer --head-norm --heads --seq-len",
    works: () => [checkpoint, "--tokenizer", tokenizer, "-o", fresh()],
    keys: "parameters headNorm",
    refuses: () => [
      [["--tokenizer", tokenizer, "-o", fresh()], /missing required argument 'checkpoint'/],
      [[nowhere, "--tokenizer", tokenizer, "-o", fresh()], /nowhere does not exist/],
      [
        [checkpoint, "--tokenizer", tokenizer, "-o", fresh(), "--head-norm", "layer"],
        /unknown head norm "layer"; known: window, token/,
      ],
    ],
  },
  export: {
    options: "--output",
    works: () => [run, "-o", fresh()],
    keys: "parameters headNorm bytes sha256",
    refuses: () => [
      [["-o", fresh()], /missing required argument 'model'/],
      [[nowhere, "-o", fresh()], /nowhere does not exist/],
      [[run, "-o", join(nowhere, "a")], /--output is .*, but there is no folder .*nowhere; make it first/],
    ],
  },
  serve: {
    options:
      "--port --host --token --name --cors --no-page --sessions --queue --max-tokens --max-prompt --max-texts --max-body --timeout --workers --kernels",
    works: () => [run, "--port", "0", "--workers", "1", "--no-page"],
    needs: () => ({ interruptAt: /"url"/, signal: "SIGTERM" }),
    keys: "url model page",
    refuses: () => [
      [[nowhere], /nowhere does not exist/],
      [[run, "--port", "http"], /--port .*'http' is invalid/],
      [[run, "--port", "70000"], /--port is 70000; it must be/],
    ],
  },
  bench: {
    options: "--preset --activations --workers --seconds --kernels",
    works: () => ["--seconds", "0.01", "--workers", "1"],
    keys: "kernels train decode prefill runtime relaxedSimd",
    refuses: () => [
      [["everything"], /too many arguments for 'bench'/],
      [["--preset", "huge"], /unknown preset "huge"/],
      [["--activations", "int7"], /activations is "int7"; it must be "int8" or "float32"/],
      [["--seconds", "0"], /--seconds is 0; it must be/],
      [["--workers", "0.5"], /--workers is 0\.5; it must be/],
    ],
  },
};

beforeAll(async () => {
  hub = await HubServer.start("models/changcheng967/flashlm-v5-thunderbolt");
  put(folder, "bytes.json", await trainVocabulary(["Once"], 260));
  hub.serve({ "best.pt": readFileSync(checkpoint), "tokenizer.json": readFileSync(tokenizer, "utf8") });
  await works([...inputs.train, "--steps", "2", "--out", run]);
});

afterAll(() => hub.stop());

test("thunderbolt --help names the commands of this table, and --version the version", async () => {
  const { stdout } = await works(["--help"]);
  const [, list = ""] = /\nCommands:\n(.*?)\n\n/s.exec(stdout) ?? [];
  const named = [...list.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual([...Object.keys(commands), "help"].sort());
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect((await works(["--version"])).stdout).toBe(`${version}\n`);
});

describe.each(Object.entries(commands))("%s", (command, row) => {
  test("--help names every option, with an example", async () => {
    const { stdout, stderr } = await works([command, "--help"]);
    expect(stdout).toMatch(new RegExp(`^Usage: thunderbolt ${command} `));
    expect(stdout).toMatch(new RegExp(`^Examples?:\n(.*\n)*  \\$ .*thunderbolt ${command}`, "m"));
    const named = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option);
    expect(named.sort()).toEqual([...row.options.split(" "), "--json", "--help"].sort());
    expect(stderr).toBe("");
  });

  test("--json prints one object, and nothing else", async () => {
    const result = await json([command, ...row.works()], row.needs?.());
    expect(Object.keys(result)).toEqual(expect.arrayContaining(row.keys.split(" ")));
  });

  test("refuses bad input in one line, with exit code 2, and writes nothing", async () => {
    const [option = ""] = row.options.split(" ");
    const misspelt: [string[], RegExp] = [
      [...row.works(), `${option}x`],
      new RegExp(`unknown option '${option}x' \\(Did you mean ${option}\\?\\) \\(see thunderbolt ${command} --help\\)`),
    ];
    const cases = [misspelt, ...row.refuses()];
    expect(cases.length).toBeGreaterThan(3);
    const options = row.needs?.();
    await refuse(
      folder,
      cases.map(([args, culprit]) => [[command, ...args], culprit]),
      options,
    );
  });
});

test("what is no command is refused likewise", async () => {
  await refuse(folder, [
    [[], /no command is given \(see thunderbolt --help\)/],
    [["trian"], /unknown command 'trian'.*Did you mean train/],
    [["info", run, run], /too many arguments for 'info'/],
  ]);
  expect((await thunderbolt(["help", "info"])).stdout).toMatch(/^Usage: thunderbolt info /);
});
