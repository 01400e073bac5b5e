import { element, show, showProblem } from "./dom.ts";
import { bytes, count } from "./figures.ts";
import { GenerateTab } from "./generate-tab.ts";
import type { Runtime } from "./protocol.ts";
import { engine } from "./start.ts";
import { Tabs } from "./tabs.ts";
import { themeToggle } from "./theme-toggle.ts";
import { TrainTab } from "./train-tab.ts";

const kernelNames = { relaxed: "relaxed SIMD", simd: "SIMD", single: "SIMD, unshared" } as const;

/** Whether there is a model, once what is being loaded is loaded. */
let loaded = inviteUnless(loadBeside());

const generateTab = new GenerateTab(engine, () => loaded);
const trainTab = new TrainTab(engine, (file) => {
  tabs.open("generate", true);
  open(file, "trained just now");
  void generateTab.start();
});
const tabs = new Tabs(["generate", "train"]);
themeToggle(() => trainTab.redraw());

engine.ready.then(showRuntime, (error) => {
  show("plate-kernels", "cannot run");
  showProblem("problem", error);
});

/** Loads the model that lies beside the page, if one does. */
async function loadBeside(): Promise<boolean> {
  const name = "model.thunderbolt";
  const response = await fetch(name).catch(() => undefined);
  // a server that answers everything with a page has no model
  if (!response?.ok || response.headers.get("content-type")?.startsWith("text/html")) return false;
  return load(await response.blob(), name);
}

/** Invites to open or to train a model where none comes. */
function inviteUnless(loading: Promise<boolean>): Promise<boolean> {
  void loading.then((has) => {
    element("no-model", HTMLElement).hidden = has;
  });
  return loading;
}

/** Loads a model in place of the one that is there. */
function open(file: Blob, name: string): void {
  generateTab.stop();
  const before = loaded;
  loaded = inviteUnless(before.then(async (had) => (await load(file, name)) || had));
}

async function load(file: Blob, name: string): Promise<boolean> {
  showProblem("problem");
  try {
    const { parameters, ternary } = await engine.run("load", file);
    show("plate-model", name);
    show("plate-size", bytes(file.size));
    show("plate-parameters", `${count(parameters)}, ${Math.round((100 * ternary) / parameters)} % ternary`);
    return true;
  } catch (error) {
    showProblem("problem", error instanceof Error ? error.message.replace(/^model: /, `${name}: `) : error);
    return false;
  }
}

function showRuntime({ kernels, threads, isolated }: Runtime): void {
  show("plate-kernels", kernelNames[kernels]);
  show("plate-threads", `${threads}`);
  show("plate-isolation", isolated ? "yes: shared memory" : "no: one thread");
}

const file = element("open-file", HTMLInputElement);
for (const id of ["open", "invite-open"]) {
  element(id, HTMLButtonElement).addEventListener("click", () => file.click());
}
file.addEventListener("change", () => {
  const [chosen] = file.files ?? [];
  if (chosen) open(chosen, chosen.name);
  // so that the same file can be chosen again
  file.value = "";
});
element("invite-train", HTMLButtonElement).addEventListener("click", () => tabs.open("train", true));

addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", ({ relatedTarget }) => {
  if (relatedTarget === null) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  const [dropped] = event.dataTransfer?.files ?? [];
  if (!dropped) return;
  event.preventDefault();
  if (/\.(thunderbolt|safetensors)$/i.test(dropped.name)) {
    tabs.open("generate");
    open(dropped, dropped.name);
  } else {
    tabs.open("train");
    trainTab.takeFile(dropped);
  }
});

addEventListener("keydown", (event) => {
  const tab = tabs.current === "train" ? trainTab : generateTab;
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void tab.start();
  else if (event.key === "Escape") tab.stop();
  else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    tabs.open("generate");
    element("prompt", HTMLTextAreaElement).select();
  } else return;
  event.preventDefault();
});

addEventListener("beforeunload", (event) => {
  // the browser asks whether to leave what would be lost
  if (trainTab.busy) event.preventDefault();
});

// the settings stand open where there is room beside the text
const wide = matchMedia("(min-width: 60rem)");
const unfold = () => {
  for (const id of ["sampling", "training"]) element(id, HTMLDetailsElement).open = wide.matches;
};
wide.addEventListener("change", unfold);
unfold();

if ("serviceWorker" in navigator) {
  const keep = () => void navigator.serviceWorker.register("service-worker.js").catch(() => {});
  // it fetches everything once more, which is not to hold up the model and its first words
  void loaded.then(() => setTimeout(keep, 1000));
}
