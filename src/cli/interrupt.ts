/**
 * Ctrl-C asks the work to stop; a second one ends the process at once.
 *
 * @param stopping what to say then.
 * @param signals what else asks for it, as SIGTERM does of a server; the reason of the abort is the one that came.
 */
export function interruptSignal(stopping: string, signals: readonly NodeJS.Signals[] = ["SIGINT"]): AbortSignal {
  const controller = new AbortController();
  const end = () => process.exit(130);
  const stop = (name: NodeJS.Signals) => {
    process.stderr.write(`\n${stopping}; Ctrl-C again stops at once\n`);
    controller.abort(name);
    for (const signal of signals) process.off(signal, stop);
    process.once("SIGINT", end);
  };
  for (const signal of signals) process.once(signal, stop);
  return controller.signal;
}
