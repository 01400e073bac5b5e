// Runs before the page is drawn, so that it never shows in the wrong colours first.
export {};

try {
  const { theme } = localStorage;
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // storage may be denied; the system's theme does
}
