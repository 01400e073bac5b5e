import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, test } from "vitest";
import { expectRefusal, put, refuse as refuseIn, smallInputs, temporaryFolder, thunderbolt, works } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const out = join(folder, "out");
const run = join(folder, "run");
const refuse = (cases: Parameters<typeof refuseIn>[1]) => refuseIn(folder, cases);
const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));

beforeAll(async () => {
  await works([...inputs.train, "--steps", "2", "--out", run]);
});

const trainOn = (text: string, ...more: string[]) => ["train", text, ...inputs.train.slice(2), "--out", out, ...more];
const trainWith = (...more: string[]) => [...inputs.train, "--out", out, ...more];

describe("train refuses in one line, with exit code 2, and writes nothing:", () => {
  test("texts that are none", async () => {
    const valid = "Once upon a time there was a dog.\n";
    const texts = join(folder, "texts");
    const text = (name: string, content: string | Uint8Array) => put(texts, name, content);
    await refuse([
      [trainOn(text("empty.txt", "")), /empty\.txt: the text is empty/],
      [trainOn(text("white.txt", " \n\t\r\n ")), /white\.txt: the text is empty/],
      [trainOn(text("mark.txt", bytes([0xef, 0xbb, 0xbf]))), /mark\.txt: the text is empty/],
      [trainOn(text("separators.txt", "<|endoftext|>\n<|endoftext|>\n")), /separators\.txt: .*separators/],
      [trainOn(text("word.txt", "dog")), /word\.txt: /],
      [trainOn(text("short.txt", "The dog ran to it.")), /short\.txt: .*fewer than the 17 of one window.*--seq-len/],
      [trainOn(text("latin1.txt", bytes(valid, [0x63, 0xe9, 0x20]))), new RegExp(`latin1.*byte ${valid.length + 1} `)],
      [trainOn(text("cut.txt", bytes(valid, [0xe2, 0x82]))), new RegExp(`cut\\.txt: byte ${valid.length} `)],
      [trainOn(folder), `${folder} is a folder`],
      [trainWith("--val", join(folder, "nowhere.txt")), /nowhere\.txt does not exist/],
      [trainWith("--val", join(texts, "empty.txt")), /empty\.txt: the text is empty/],
      [trainWith("--val", join(texts, "separators.txt")), /separators\.txt: no text is left to score with/],
    ]);
  });

  test("folders that cannot take the run", async () => {
    const started = put(join(folder, "unsaved"), "metrics.jsonl", "{}\n");
    await refuse([
      [[...inputs.train], /--out/],
      [[...inputs.train, "--out", ""], /--out is empty/],
      [[...inputs.train, "--out", inputs.text], /text\.txt is a file/],
      [[...inputs.train, "--out", join(inputs.text, "run")], /text\.txt is a file/],
      [[...inputs.train, "--out", run], /run holds a run already.*--resume.*--overwrite/],
      [[...inputs.train, "--out", join(started, "..")], /unsaved holds a run already.*--overwrite/],
      [[...inputs.train, "--out", join(started, ".."), "--resume"], /unsaved holds no run to resume.*--overwrite/],
      [trainWith("--resume"), /out holds no run to resume/],
      [[...inputs.train, "--out", run, "--resume", "--overwrite"], /resume and overwrite/],
    ]);
  });

  test("to overwrite a run for bad input", async () => {
    const over = (...more: string[]) => [...inputs.train, "--out", run, "--overwrite", ...more];
    await refuse([
      [over("--lr", "-1"), /--lr is -1/],
      [over("--batch", "65536", "--seq-len", "512"), /batch 65536/],
      [over("--val", join(folder, "nowhere.txt")), /nowhere/],
      [["train", join(folder, "nowhere.txt"), "--out", run, "--overwrite"], /nowhere/],
    ]);
  });

  test("to resume with anything else than what the run was started with", async () => {
    const other = put(folder, "other.txt", "The cat sat on the mat and saw a red ball. ".repeat(99));
    const config = put(folder, "other.json", JSON.stringify({ dModel: 16, nHeads: 2, nLayers: 3, dFfn: 32 }));
    const resume = (...more: string[]) => [...inputs.train, "--out", run, "--resume", ...more];
    await refuse([
      [["train", other, ...inputs.train.slice(2), "--out", run, "--resume"], /run cannot be resumed: .*text/],
      [resume("--val", inputs.heldOut), /run cannot be resumed: .*text.*--val/],
      [resume("--lr", "0.001"), /its lr was 0\.004 and is now 0\.001/],
      [resume("--seed", "7"), /its seed was 0 and is now 7/],
      [resume("--batch", "5"), /its batch was 4 and is now 5/],
      [resume("--seq-len", "24"), /its seqLen was 16 and is now 24/],
      [resume("--vocab", "301"), /its vocabSize was 300 and is now 301/],
      [resume("--config", config), /its nLayers was 2 and is now 3/],
      [resume("--preset", "small"), /cannot be resumed: its \w+ was/],
      [resume("--steps", "1"), /--steps is 1, but .*run has taken 2 already/],
      [resume("--minutes", "1"), /--minutes is 1, but .*run was started for 2 steps/],
    ]);
  });

  test("to resume from a damaged state", async () => {
    const damaged = (name: string, content: string) => {
      put(join(folder, name), "state.safetensors", content);
      return [...inputs.train, "--out", join(folder, name), "--resume"];
    };
    await refuse([
      [damaged("damaged-a", ""), /state\.safetensors cannot be resumed/],
      [damaged("damaged-b", "this is not a state at all"), /state\.safetensors cannot be resumed/],
    ]);
  });

  test("numbers out of range", async () => {
    await refuse([
      [trainWith("--lr", "NaN"), /--lr .*'NaN'/],
      [trainWith("--lr", "abc"), /--lr .*'abc'/],
      [trainWith("--lr", ""), /--lr .*''/],
      [trainWith("--lr", "-1"), /--lr is -1/],
      [trainWith("--lr", "Infinity"), /--lr is Infinity/],
      [trainWith("--steps", "0"), /--steps is 0/],
      [trainWith("--steps", "1.5"), /--steps is 1\.5/],
      [trainWith("--workers", "0"), /--workers is 0/],
      [trainWith("--workers", "1000"), /--workers is 1000/],
      [trainWith("--minutes", "0"), /--minutes is 0/],
      [trainWith("--minutes", "-3"), /--minutes is -3/],
      [trainWith("--steps", "3", "--minutes", "1"), /--steps is 3 and minutes 1; give one/],
      [trainWith("--seed", "-1"), /--seed is -1/],
      [trainWith("--save-every", "0"), /--save-every is 0/],
      [trainWith("--seq-len", "0"), /seqLen is 0/],
      [trainWith("--vocab", "70000"), /vocabSize is 70000/],
      [trainWith("--vocab", "100"), /vocab 100/],
      [trainWith("--batch", "1e9"), /--batch is 1000000000/],
      // refused by arithmetic: a machine with less memory than that says the same
      [
        trainWith("--batch", "65536", "--seq-len", "512"),
        /batch 65536 x 512 .*GiB.*the largest batch that fits is \d+/,
      ],
    ]);
  });

  test("configurations that describe no model", async () => {
    const configs = join(folder, "configs");
    mkdirSync(configs);
    let written = 0;
    const config = (content: string) => trainWith("--config", put(configs, `config-${written++}.json`, content));
    await refuse([
      [trainWith("--config", join(folder, "nowhere.json")), /nowhere\.json does not exist/],
      [trainWith("--config", configs), /configs cannot be read/],
      [config("dModel: 16"), /config-0\.json is not JSON/],
      [config('{\n  "dModel": 16,\n}\n'), /config-1\.json is not JSON/],
      [config("[]"), /config-2\.json holds an array/],
      [config("null"), /config-3\.json holds null/],
      [config('"tiny"'), /config-4\.json holds a string/],
      [config('{"layers": 2}'), /unknown field "layers".*nLayers/],
      [config('{"__proto__": 2}'), /unknown field "__proto__"/],
      [config('{"dModel": NaN}'), /config-7\.json is not JSON/],
      [config('{"dModel": null}'), /dModel is null/],
      [config('{"dModel": "16"}'), /dModel is "16"/],
      [config('{"dFfn": -4}'), /dFfn is -4/],
      [config('{"nLayers": 1.5}'), /nLayers is 1\.5/],
      [config('{"dHead": 1e999}'), /dHead is Infinity/],
      [config('{"dModel": 100, "nHeads": 3}'), /dModel 100 cannot be divided among 3 heads.*dHead/],
      [config('{"headNorm": "layer"}'), /headNorm is "layer".*"token" or "window"/],
      [config('{"headNorm": null}'), /headNorm is null/],
      [["train", inputs.text, "--out", out, "--config", put(configs, "v.json", '{"vocabSize": 65537}')], /65537/],
    ]);
  });
});

describe("every command refuses in one line, with exit code 2:", () => {
  test("unknown kernels, by flag and by environment", async () => {
    const commands = [
      trainWith(),
      ["eval", run, "--data", inputs.heldOut],
      ["generate", run],
      ["audit", run],
      ["info", run],
      ["bench"],
    ];
    await refuse(
      commands.map((args) => [[...args, "--kernels", "avx"], /unknown kernels "avx"; known: simd, relaxed, single/]),
    );
    const outcome = await thunderbolt(["audit", run], { env: { THUNDERBOLT_KERNELS: "avx" } });
    expectRefusal(outcome, /unknown kernels "avx"/);
  });

  test("texts to score that are none", async () => {
    const empty = put(folder, "nothing.txt", "");
    const separators = put(folder, "only-separators.txt", "<|endoftext|>\n");
    await refuse([
      [["eval", run, "--data", empty], /nothing\.txt: the text is empty/],
      [["eval", run, "--data", separators], /only-separators\.txt: .*nothing to score/],
    ]);
  });

  test("options of generate, before it prints anything", async () => {
    const generate = (...more: string[]) => ["generate", run, "--prompt", "Once", ...more];
    await refuse([
      [generate("--top-p", "2"), /--top-p is 2/],
      [generate("--top-p", "0"), /--top-p is 0/],
      [generate("--top-k", "1.5"), /--top-k is 1\.5/],
      [generate("--min-p", "1.1"), /--min-p is 1\.1/],
      [generate("--repetition-penalty", "0"), /--repetition-penalty is 0/],
      [generate("--count", "0"), /--count is 0/],
      [generate("--count", "2", "--seed", "4294967295"), /--count is 2.*smaller seed/],
      [generate("--seed", "-1"), /--seed is -1/],
      [generate("--stop", ""), /--stop is empty/],
      [generate("--max-tokens", "-1"), /--max-tokens is -1/],
    ]);
  });
});
