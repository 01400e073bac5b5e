/**
 * Ctrl-C asks the work to stop; a second one ends the process at once.
 *
 * @param stopping what to say then.
 */
export function interruptSignal(stopping: string): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const end = () => process.exit(130);
  const stop = () => {
    process.stderr.write(`\n${stopping}; Ctrl-C again stops at once\n`);
    controller.abort();
    process.once("SIGINT", end);
  };
  process.once("SIGINT", stop);
  const release = () => {
    process.off("SIGINT", stop);
    process.off("SIGINT", end);
  };
  return { signal: controller.signal, release };
}
