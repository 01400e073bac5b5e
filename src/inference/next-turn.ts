const { setImmediate: immediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };

/**
 * Resolves after everybody else has had a turn: input that has arrived, timers that are due. In microseconds, which a
 * timer is not.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (immediate) {
      immediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
