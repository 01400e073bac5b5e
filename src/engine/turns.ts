/** How long work keeps a thread to itself, in milliseconds: less than a page's frame. */
const TURN = 12;

/**
 * Shares a thread with whatever else waits for it, as long work between two of its pieces should: a page's frames and
 * events, timers, and so signals too.
 *
 * @returns a function to call between pieces, whose result is to be awaited: most calls give nothing, and now and then
 * one gives a promise that resolves after the others had their turn.
 */
export function sharedTurns(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < TURN) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
    });
  };
}

/** By setTimeout only at the edge: browsers make it wait for milliseconds and, out of sight, for seconds. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
    } else if (typeof MessageChannel === "function") {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    } else {
      setTimeout(resolve);
    }
  });
}
