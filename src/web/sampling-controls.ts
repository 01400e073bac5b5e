import { create, element } from "./dom.ts";
import type { GenerateRequest } from "./protocol.ts";

type Options = Required<Omit<GenerateRequest["options"], "stop">>;

/** A number that the page lets one choose. The slider covers what is usual, the field what the engine takes. */
interface Control {
  readonly name: keyof Options;
  readonly label: string;
  readonly hint: string;
  readonly value: number;
  /** Least, most and step of the slider; a seed has none. */
  readonly slider?: readonly [min: number, max: number, step: number];
}

const controls: readonly Control[] = [
  { name: "temperature", label: "Temperature", hint: "0 takes the likeliest", value: 0.8, slider: [0, 2, 0.05] },
  { name: "topK", label: "Top-k", hint: "among the k likeliest; 0 among all", value: 50, slider: [0, 200, 1] },
  { name: "topP", label: "Top-p", hint: "among those that reach p together", value: 1, slider: [0.05, 1, 0.01] },
  { name: "minP", label: "Min-p", hint: "not below this share of the likeliest", value: 0, slider: [0, 0.5, 0.01] },
  {
    name: "repetitionPenalty",
    label: "Repetition penalty",
    hint: "above 1 avoids what was said",
    value: 1,
    slider: [1, 2, 0.05],
  },
  { name: "maxTokens", label: "Tokens at most", hint: "a story may end earlier", value: 256, slider: [16, 1024, 16] },
  { name: "count", label: "Stories", hint: "side by side, with seeds in a row", value: 1, slider: [1, 8, 1] },
  { name: "seed", label: "Seed", hint: "the same seed tells the same story", value: 0 },
];

/** The sampling options as the page shows them. */
export class SamplingControls {
  readonly #newSeed = element("new-seed", HTMLInputElement);

  constructor() {
    element("sampling-controls", HTMLElement).append(...controls.map(control));
    // who types a seed wants that one
    field("seed").addEventListener("input", () => {
      this.#newSeed.checked = false;
    });
  }

  /** What is chosen, with a new seed if that is wanted. The engine checks it. */
  read(): Options {
    if (this.#newSeed.checked) field("seed").value = String(crypto.getRandomValues(new Uint16Array(1))[0]);
    // an empty field is no number, and not 0
    return Object.fromEntries(controls.map(({ name }) => [name, field(name).valueAsNumber])) as unknown as Options;
  }
}

function field(name: string): HTMLInputElement {
  return element(`option-${name}`, HTMLInputElement);
}

/** A field with its label, its hint, and a slider for the mouse: the keyboard has the field. */
function control({ name, label, hint, value, slider }: Control): HTMLElement {
  const id = `option-${name}`;
  const input = create("input", "");
  input.type = "number";
  input.id = id;
  input.value = String(value);
  input.setAttribute("aria-describedby", `${id}-hint`);
  const title = create("label", "", label);
  title.htmlFor = id;
  const note = create("small", "", hint);
  note.id = `${id}-hint`;
  const row = create("div", "control", title, input, note);
  if (slider === undefined) return row;
  const range = create("input", "");
  range.type = "range";
  [range.min, range.max, range.step] = slider.map(String);
  input.step = range.step;
  range.value = input.value;
  range.tabIndex = -1;
  range.ariaHidden = "true";
  range.addEventListener("input", () => {
    input.value = range.value;
  });
  input.addEventListener("input", () => {
    range.value = input.value;
  });
  row.append(range);
  return row;
}
