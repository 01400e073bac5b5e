import { element } from "./dom.ts";

/** The page's tabs, as the ARIA practices have them: arrows move among them; the address remembers which is open. */
export class Tabs {
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    this.#names = names;
    for (const [i, name] of names.entries()) {
      const tab = this.#tab(name);
      tab.addEventListener("click", () => this.open(name));
      tab.addEventListener("keydown", ({ key }) => {
        const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
        if (step !== 0) this.open(names[(i + step + names.length) % names.length], true);
      });
    }
    addEventListener("hashchange", () => this.#follow());
    this.#follow();
  }

  /** The open tab's name. */
  get current(): string {
    return this.#names.find((name) => !element(name, HTMLElement).hidden) ?? this.#names[0];
  }

  /** Opens a tab. */
  open(name: string, focus = false): void {
    for (const one of this.#names) {
      const tab = this.#tab(one);
      tab.ariaSelected = String(one === name);
      tab.tabIndex = one === name ? 0 : -1;
      element(one, HTMLElement).hidden = one !== name;
    }
    if (focus) this.#tab(name).focus();
    history.replaceState(null, "", `#${name}`);
  }

  #follow(): void {
    const name = location.hash.slice(1);
    if (this.#names.includes(name)) this.open(name);
  }

  #tab(name: string): HTMLButtonElement {
    return element(`tab-${name}`, HTMLButtonElement);
  }
}
