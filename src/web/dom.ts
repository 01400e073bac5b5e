/** The page's element of an id. @throws TypeError where the page has none of that class. */
export function element<T extends Element>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`the page has no ${kind.name} #${id}`);
  return found;
}

/** Sets an element's text. */
export function show(id: string, text: string): void {
  element(id, HTMLElement).textContent = text;
}

/** Makes an element. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...content: (string | Node)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

/** Shows a problem in an alert, or hides it. */
export function showProblem(id: string, problem?: unknown): void {
  const alert = element(id, HTMLElement);
  alert.hidden = problem === undefined;
  alert.textContent = problem === undefined ? "" : problem instanceof Error ? problem.message : String(problem);
}

/** Calls a function at most once a frame, however often it is asked to. */
export function oncePerFrame(draw: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}
