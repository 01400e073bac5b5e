import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ModelConfig } from "../src/engine/config.ts";
import { ThunderboltError } from "../src/engine/errors.ts";
import { compileKernels } from "../src/engine/module.ts";
import { parameterTable } from "../src/engine/parameters.ts";
import { writeModelFile } from "../src/formats/model-file.ts";
import { writePacked } from "../src/formats/packed-file.ts";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { Model } from "../src/inference/model.ts";
import { readModelFile } from "../src/inference/open-file.ts";
import { packModel } from "../src/inference/pack-model.ts";
import { placeModel } from "../src/inference/placed-model.ts";
import { Runner } from "../src/inference/runner.ts";
import { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { trainVocabulary } from "../src/tokenizer/train-vocabulary.ts";
import { uniforms } from "./kernels/harness.ts";
import { randomValues } from "./model.ts";
import { mutate } from "./mutate.ts";

const compiled = compileKernels();
const tokenizer = Tokenizer.fromJson(await trainVocabulary(["Once upon a time there was a little dog."], 270));

const configs = fc.record({
  vocabSize: fc.constant(tokenizer.vocabSize),
  dModel: fc.constantFrom(5, 16, 30),
  nHeads: fc.constantFrom(1, 3),
  dHead: fc.constantFrom(4, 7, 16),
  nLayers: fc.integer({ min: 1, max: 2 }),
  dFfn: fc.constantFrom(3, 17, 40),
  seqLen: fc.constant(16),
  headNorm: fc.constant("token" as const),
  activations: fc.constantFrom("float32" as const, "int8" as const),
});

function bytesOf(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}

function pack(config: ModelConfig, seed: number): Uint8Array {
  return bytesOf(writePacked(config, tokenizer.json, packModel(compiled, config, randomValues(config, seed))));
}

function logits(runner: Runner): Float32Array {
  runner.forward([1, 5, 9, 4, 4, 7, 2], new Float32Array(runner.stateCount));
  return runner.logits(0, 7).slice();
}

describe("a packed model", () => {
  test("gives the bits of the model with the same int8 embedding", () => {
    fc.assert(
      fc.property(configs, fc.nat(), (config, seed) => {
        const { source, config: read } = readModelFile(pack(config, seed), "packed");
        expect(read).toEqual(config);
        const packed = Runner.of(placeModel(compiled, config, source));
        const values = randomValues(config, seed);
        // an int8 model has that embedding already; a float32 one gets it
        const { codes, scales } = packModel(compiled, config, values).embedding(parameterTable(config)[0]);
        const embedding = Float32Array.from(codes, (code, i) => code * scales[Math.floor(i / config.dModel)]);
        const same = placeModel(compiled, config, {
          kind: "values",
          values: (parameter) =>
            parameter.kind === "embedding" && config.activations === "float32" ? embedding : values(parameter),
        });
        expect(logits(packed)).toEqual(logits(Runner.of(same)));
      }),
      { numRuns: 40 },
    );
  });

  test("is the same file every time, and packs what was said", () => {
    const config = fc.sample(configs, { numRuns: 1, seed: 1 })[0];
    expect(pack(config, 3)).toEqual(pack(config, 3));
    using model = Model.fromBytes(pack(config, 3));
    expect(model.config).toEqual(config);
    expect(model.tokenizer.encode("Once upon a time")).toEqual(tokenizer.encode("Once upon a time"));
  });
});

describe("a damaged file either loads or is refused by name", () => {
  const [config] = fc.sample(configs, { numRuns: 1, seed: 4 });
  const plain = bytesOf(writeModelFile(config, tokenizer.json, parameterTable(config), randomValues(config, 1)));

  test.each([
    ["safetensors", plain],
    ["packed", pack(config, 1)],
  ])("%s, 500 mutations", (_, file) => {
    for (let seed = 0; seed < 500; seed++) {
      const bytes = mutate(file, uniforms(seed));
      try {
        const model = Model.fromBytes(bytes);
        const session = model.session();
        session.append([1, 2, 3]);
        expect(session.logits).toHaveLength(config.vocabSize);
        model.dispose();
      } catch (error) {
        if (!(error instanceof ThunderboltError)) throw error;
      }
    }
  });

  test("a code of 3 is refused, before it can lead past a table", () => {
    const file = pack(config, 1);
    const { bytes } = readSafetensors(file).tensors.get("blocks.0.ffn_up.weight.codes") ?? {};
    if (bytes) bytes[0] |= 3;
    expect(() => Model.fromBytes(file, { name: "a.thunderbolt" })).toThrow(
      /^a\.thunderbolt: tensor blocks\.0\.ffn_up\.weight\.codes holds what is no code; expected 0, 1 or 2/,
    );
  });
});
