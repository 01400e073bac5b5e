import { type Preset, presets } from "../engine/config.ts";
import { countParameters } from "../engine/parameters.ts";
import { create, element, oncePerFrame, show, showProblem } from "./dom.ts";
import type { Engine } from "./engine.ts";
import { bytes, count, duration, rate } from "./figures.ts";
import type { LossChart } from "./loss-chart.ts";
import type { Runtime, TrainEvent, TrainRequest, TrainResult } from "./protocol.ts";

type Step = Extract<TrainEvent, { kind: "step" }>;

const STORY_PROMPT = "Once upon a time";

/** The tab that trains a model on a text. */
export class TrainTab {
  readonly #engine: Engine;
  readonly #use: (file: Blob) => void;
  readonly #form = element("train-form", HTMLFormElement);
  readonly #startButton = element("train-start", HTMLButtonElement);
  readonly #stopButton = element("train-stop", HTMLButtonElement);
  readonly #progress = element("train-progress", HTMLProgressElement);
  readonly #download = element("download", HTMLAnchorElement);
  #chart: LossChart | undefined;
  #running: AbortController | undefined;
  #file: File | undefined;
  #trained: Blob | undefined;
  #last: Step | undefined;
  #minutes: number | undefined;
  readonly #showStep = oncePerFrame(() => this.#showGauges());

  /** @param use shows what a model that was trained can do. */
  constructor(engine: Engine, use: (file: Blob) => void) {
    this.#engine = engine;
    this.#use = use;
    element("preset", HTMLSelectElement).append(
      ...(["tiny", "small"] satisfies Preset[]).map((name) => {
        const millions = (countParameters(presets[name]).total / 1e6).toFixed(1);
        return new Option(`${name}: ${millions} M`, name);
      }),
    );
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.start();
    });
    this.#form.addEventListener("change", ({ target }) => {
      if (target instanceof HTMLInputElement && target.name === "source") this.#showSource();
    });
    this.#stopButton.addEventListener("click", () => this.stop());
    const input = element("text-file", HTMLInputElement);
    element("text-open", HTMLButtonElement).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) this.takeFile(file);
      input.value = "";
    });
    element("use-trained", HTMLButtonElement).addEventListener("click", () => {
      if (this.#trained) this.#use(this.#trained);
    });
    // that it cannot run is for the page to say
    engine.ready.then(
      (runtime) => this.#offerThreads(runtime),
      () => {},
    );
  }

  /** Whether it trains. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Takes a file as the text to train on. */
  takeFile(file: File): void {
    this.#file = file;
    show("text-name", `${file.name}, ${bytes(file.size)}`);
    for (const choice of this.#choices()) choice.checked = choice.value === "file";
    this.#showSource();
  }

  /** Trains; what runs goes on, one at a time. */
  async start(): Promise<void> {
    if (this.#running) return;
    showProblem("train-problem");
    const running = new AbortController();
    this.#running = running;
    this.#begin();
    try {
      const request = await this.#readRequest();
      this.#minutes = request.minutes;
      const { signal } = running;
      element("run", HTMLElement).hidden = false;
      // only who trains needs the library that draws
      this.#chart ??= new (await import("./loss-chart.ts")).LossChart();
      this.#chart.clear();
      const result = await this.#engine.run("train", request, { signal, onEvent: (event) => this.#take(event) });
      this.#showResult(result);
    } catch (error) {
      if (running.signal.aborted) show("train-status", "Stopped before the first step");
      else showProblem("train-problem", error);
      element("run", HTMLElement).hidden = this.#last === undefined;
    } finally {
      this.#running = undefined;
      this.#progress.hidden = true;
      this.#startButton.disabled = false;
      // a button that is disabled loses the focus
      if (document.activeElement === this.#stopButton) this.#startButton.focus();
      this.#stopButton.disabled = true;
    }
  }

  /** Ends the training after this step; what it has learnt is scored and kept. */
  stop(): void {
    this.#running?.abort();
    if (this.#running && this.#last) show("gauge-left", "stopping");
  }

  /** Draws in the colours of another theme. */
  redraw(): void {
    this.#chart?.redraw();
  }

  #begin(): void {
    this.#last = undefined;
    this.#stopButton.disabled = false;
    if (document.activeElement === this.#startButton) this.#stopButton.focus();
    this.#startButton.disabled = true;
    this.#progress.hidden = false;
    this.#progress.removeAttribute("value");
    element("trained", HTMLElement).hidden = true;
    element("told-on-the-way", HTMLElement).replaceChildren();
    for (const gauge of ["loss", "step", "rate", "train-speed", "left"]) show(`gauge-${gauge}`, "");
    show("corpus", "Reading the text and learning a vocabulary …");
    show("train-status", "Training");
  }

  async #readRequest(): Promise<TrainRequest> {
    const number = (id: string) => element(id, HTMLInputElement).valueAsNumber;
    const unit = element("unit", HTMLSelectElement).value;
    return {
      text: await this.#readText(),
      preset: element("preset", HTMLSelectElement).value as Preset,
      ...(unit === "minutes" ? { minutes: number("length") } : { steps: number("length") }),
      seed: number("train-seed"),
      workers: number("threads"),
      storyEvery: number("story-every"),
      prompt: STORY_PROMPT,
    };
  }

  async #readText(): Promise<string | Blob> {
    switch (this.#choices().find(({ checked }) => checked)?.value) {
      case "paste":
        return element("pasted", HTMLTextAreaElement).value;
      case "file":
        if (!this.#file) throw new Error("no file is chosen yet; choose one, or train on the sample");
        return this.#file;
      default: {
        const response = await fetch("stories.txt.gz");
        if (!response.ok) throw new Error(`the sample cannot be fetched (${response.status} ${response.statusText})`);
        return response.blob();
      }
    }
  }

  #take(event: TrainEvent): void {
    switch (event.kind) {
      case "corpus":
        show(
          "corpus",
          `${count(countParameters(event.config).total)} parameters, ${count(event.config.vocabSize)} tokens in the vocabulary; ` +
            `${count(event.stories)} stories, ${bytes(event.bytes)}, ${count(event.tokens)} tokens to train on; ` +
            `${event.workers} ${event.workers === 1 ? "thread" : "threads"}`,
        );
        break;
      case "step":
        this.#last = event;
        this.#chart?.add(event);
        this.#showStep();
        break;
      case "story":
        element("told-on-the-way", HTMLElement).prepend(
          create(
            "figure",
            "story",
            create("blockquote", "", event.text, " …"),
            create("figcaption", "", `after step ${count(event.step)}`),
          ),
        );
        break;
      case "evaluating":
        this.#progress.value = event.done / event.all;
        show("gauge-left", "scoring");
        break;
    }
  }

  #showGauges(): void {
    const last = this.#last;
    if (!last || !this.#running) return;
    const { step, steps, meanLoss, seconds, tokens, tokensPerSecond } = last;
    show("gauge-loss", meanLoss.toFixed(3));
    show("gauge-step", steps === undefined ? count(step) : `${count(step)} of ${count(steps)}`);
    show("gauge-rate", rate((tokensPerSecond * step) / tokens));
    show("gauge-train-speed", count(tokensPerSecond));
    const left = steps === undefined ? (this.#minutes ?? 0) * 60 - seconds : (seconds / step) * (steps - step);
    if (!this.#running.signal.aborted) show("gauge-left", duration(Math.max(0, left)));
    this.#progress.value = seconds / (seconds + Math.max(0, left));
  }

  #showResult({ file, steps, stopped, seconds, valBitsPerByte, valNatsPerToken }: TrainResult): void {
    this.#trained = file;
    URL.revokeObjectURL(this.#download.href);
    this.#download.href = URL.createObjectURL(file);
    this.#download.textContent = `Download model, ${bytes(file.size)}`;
    show("gauge-bits", valBitsPerByte.toFixed(3));
    show("gauge-held-out", valNatsPerToken.toFixed(3));
    show("gauge-steps", count(steps));
    show("gauge-time", duration(seconds));
    show("gauge-left", stopped ? "stopped" : "");
    element("trained", HTMLElement).hidden = false;
    show("train-status", `Trained ${count(steps)} steps: held-out ${valBitsPerByte.toFixed(3)} bits a byte`);
    element("chart", HTMLElement).ariaLabel =
      `Training loss by step: ${this.#last?.meanLoss.toFixed(3)} nats a token after ${count(steps)} steps`;
  }

  #showSource(): void {
    const chosen = this.#choices().find(({ checked }) => checked)?.value;
    for (const pane of this.#form.querySelectorAll<HTMLElement>("[data-source]"))
      pane.hidden = pane.dataset.source !== chosen;
  }

  #choices(): HTMLInputElement[] {
    return [...this.#form.querySelectorAll<HTMLInputElement>("[name=source]")];
  }

  #offerThreads({ threads, isolated }: Runtime): void {
    const field = element("threads", HTMLInputElement);
    field.value = field.max = String(threads);
    field.disabled = !isolated;
  }
}
