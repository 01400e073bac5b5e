import { element } from "./dom.ts";

/** Makes the button switch between light and dark; what the system prefers is not remembered, so that it is followed. */
export function themeToggle(onChange: () => void): void {
  const button = element("theme", HTMLButtonElement);
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const preferred = () => (prefersDark.matches ? "dark" : "light");
  const other = () => ((root.dataset.theme ?? preferred()) === "dark" ? "light" : "dark");
  const show = () => {
    button.ariaLabel = button.title = `Switch to ${other()}`;
    onChange();
  };
  button.addEventListener("click", () => {
    const next = other();
    if (next === preferred()) delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === preferred()) localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch {
      // storage may be denied; it lasts as long as the page then
    }
    show();
  });
  prefersDark.addEventListener("change", show);
  show();
}
