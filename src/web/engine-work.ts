import { decodeText } from "../corpus/stories.ts";
import { OptionError } from "../engine/errors.ts";
import { countParameters } from "../engine/parameters.ts";
import { loadModel, type Model, trainText } from "../portable.ts";
import { gunzip } from "./gunzip.ts";
import type {
  GenerateEvent,
  GenerateRequest,
  Kind,
  LoadedModel,
  Stretch,
  TrainEvent,
  TrainRequest,
  TrainResult,
  Work,
} from "./protocol.ts";

/** Milliseconds of text that go to the page at once: about a frame. */
const FRAME = 16;
/** Tokens of a story that is told during training. */
const STORY_TOKENS = 120;

/** Who does every kind of work that a page orders. */
export type Works = {
  readonly [K in Kind]: (
    request: Work[K]["request"],
    signal: AbortSignal,
    tell: (event: Work[K]["event"]) => void,
  ) => Promise<Work[K]["result"]>;
};

/** The work itself, and the model that it is done with. */
export class EngineWork implements Works {
  #model: Model | undefined;

  load = async (file: Blob, signal: AbortSignal): Promise<LoadedModel> => {
    const model = await loadModel(file, { signal });
    this.#model?.dispose();
    this.#model = model;
    const { total, ternary } = countParameters(model.config);
    return { config: model.config, parameters: total, ternary };
  };

  generate = async (
    { prompt, options }: GenerateRequest,
    signal: AbortSignal,
    tell: (event: GenerateEvent) => void,
  ): Promise<undefined> => {
    if (!this.#model) throw new OptionError("there is no model yet; open or train one");
    const started = performance.now();
    const stretches = new Map<number, Stretch>();
    const tokensOf: number[] = [];
    let told = 0;
    const tellStretches = () => {
      if (stretches.size === 0) return;
      told = performance.now();
      const tokens = tokensOf.reduce((sum, count) => sum + count, 0);
      tell({ stretches: [...stretches.values()], tokens, seconds: (told - started) / 1000 });
      stretches.clear();
    };
    try {
      for await (const { index, text, tokens, finishReason } of this.#model.generateBatch([prompt], {
        ...options,
        signal,
      })) {
        stretches.set(index, { index, text: (stretches.get(index)?.text ?? "") + text, tokens, finishReason });
        tokensOf[index] = tokens;
        if (performance.now() - told >= FRAME) tellStretches();
      }
    } finally {
      tellStretches();
    }
  };

  train = async (
    { text, prompt, storyEvery, ...options }: TrainRequest,
    signal: AbortSignal,
    tell: (event: TrainEvent) => void,
  ): Promise<TrainResult> => {
    let telling: Promise<void> | undefined;
    const tellStory = async (step: number, file: Uint8Array) => {
      const model = await loadModel(file);
      let story = prompt;
      for await (const piece of model.generate(prompt, { maxTokens: STORY_TOKENS })) story += piece.text;
      model.dispose();
      tell({ kind: "story", step, text: story });
    };
    const { file, ...result } = await trainText({
      ...options,
      text: typeof text === "string" ? text : await readText(text),
      signal,
      onProgress: (event) => {
        if (event.kind !== "step") return tell(event);
        const { snapshot, ...report } = event;
        tell(report);
        if (report.step % storyEvery !== 0 || telling) return;
        telling = tellStory(report.step, snapshot()).finally(() => {
          telling = undefined;
        });
      },
    });
    await telling;
    return { ...result, file: new Blob([file as Uint8Array<ArrayBuffer>]) };
  };
}

/** The text of a file, which may be packed by gzip. @throws TextError for bytes that are no UTF-8 text. */
async function readText(file: Blob): Promise<string> {
  const magic = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const packed = magic[0] === 0x1f && magic[1] === 0x8b;
  const bytes = packed ? await gunzip(file) : new Uint8Array(await file.arrayBuffer());
  return decodeText(bytes, file instanceof File ? file.name : "text");
}
