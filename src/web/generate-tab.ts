import { create, element, oncePerFrame, show, showProblem } from "./dom.ts";
import type { Engine } from "./engine.ts";
import { count, milliseconds } from "./figures.ts";
import type { GenerateEvent, Stretch } from "./protocol.ts";
import { SamplingControls } from "./sampling-controls.ts";

const endings = { eos: "ended by itself", stop: "ended", length: "cut off" } as const;

/** The tab that continues a prompt. */
export class GenerateTab {
  readonly #engine: Engine;
  readonly #modelReady: () => Promise<boolean>;
  readonly #controls = new SamplingControls();
  readonly #prompt = element("prompt", HTMLTextAreaElement);
  readonly #form = element("generate-form", HTMLFormElement);
  readonly #generated = element("generated", HTMLElement);
  readonly #stopButton = element("generate-stop", HTMLButtonElement);
  #running: AbortController | undefined;

  /** @param modelReady waits for a model that is being loaded; false where there is none. */
  constructor(engine: Engine, modelReady: () => Promise<boolean>) {
    this.#engine = engine;
    this.#modelReady = modelReady;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.start();
    });
    this.#stopButton.addEventListener("click", () => this.stop());
  }

  /** Generates anew; what runs is stopped. */
  async start(): Promise<void> {
    this.stop();
    showProblem("generate-problem");
    const running = new AbortController();
    this.#running = running;
    this.#stopButton.disabled = false;
    show("generate-status", "Generating");
    const prompt = this.#prompt.value;
    const options = this.#controls.read();
    const stories = Array.from(
      { length: options.count > 0 ? Math.min(options.count, 64) : 1 },
      (_, i) => new StoryView(prompt, options.seed + i),
    );
    element("stories", HTMLElement).replaceChildren(...stories.map(({ root }) => root));
    this.#generated.hidden = false;
    for (const gauge of ["speed", "tokens", "first"]) show(`gauge-${gauge}`, "");
    let last: GenerateEvent | undefined;
    const gauges = oncePerFrame(() => {
      // a later generation may have begun
      if (last && stories[0].root.isConnected) showGauges(last);
    });
    try {
      if (await this.#modelReady()) {
        await this.#engine.run(
          "generate",
          { prompt, options },
          {
            signal: running.signal,
            onEvent: (event) => {
              if (!last) show("gauge-first", milliseconds(event.seconds));
              last = event;
              for (const stretch of event.stretches) stories[stretch.index]?.add(stretch);
              gauges();
            },
          },
        );
        if (last) show("generate-status", `Finished: ${count(last.tokens)} tokens`);
      } else {
        this.#generated.hidden = true;
      }
    } catch (error) {
      if (running.signal.aborted) {
        for (const story of stories) story.end("stopped");
        if (this.#running === running) show("generate-status", "Stopped");
      } else {
        this.#generated.hidden = true;
        showProblem("generate-problem", error);
      }
    } finally {
      if (this.#running === running) {
        this.#running = undefined;
        // a button that is disabled loses the focus
        if (document.activeElement === this.#stopButton) this.#prompt.focus();
        this.#stopButton.disabled = true;
      }
    }
  }

  /** Ends what runs, after the token that is being chosen. */
  stop(): void {
    this.#running?.abort();
  }
}

function showGauges({ tokens, seconds }: GenerateEvent): void {
  show("gauge-speed", count(tokens / seconds));
  show("gauge-tokens", count(tokens));
}

/** One text as it grows. */
class StoryView {
  readonly root: HTMLElement;
  readonly #caption = create("figcaption", "");
  readonly #text = document.createTextNode("");
  readonly #seed: number;
  #tokens = 0;

  constructor(prompt: string, seed: number) {
    this.#seed = seed;
    const text = create("blockquote", "", create("span", "given", prompt), this.#text);
    this.root = create("figure", "story", text, this.#caption);
    this.root.ariaBusy = "true";
    this.#describe();
  }

  add({ text, tokens, finishReason }: Stretch): void {
    this.#text.appendData(text);
    this.#tokens = tokens;
    if (finishReason) this.end(endings[finishReason]);
    else this.#describe();
  }

  /** Says how it ended, the first time. */
  end(how: string): void {
    if (this.root.ariaBusy !== "true") return;
    this.root.ariaBusy = "false";
    this.#describe(how);
  }

  #describe(how?: string): void {
    const parts = [`seed ${this.#seed}`, `${count(this.#tokens)} tokens`, ...(how ? [how] : [])];
    this.#caption.textContent = parts.join(" · ");
  }
}
