/** What stands for node:timers/promises: pauses are noted, in seconds, and not waited for. */
export const pauses: number[] = [];

let act = (): void => {};

/** Does something in every pause. */
export function duringPauses(what: () => void): void {
  act = what;
}

/** Forgets what was. */
export function resetPauses(): void {
  pauses.length = 0;
  act = () => {};
}

export async function setTimeout(ms: number, _: unknown, { signal }: { signal?: AbortSignal }): Promise<void> {
  pauses.push(ms / 1000);
  act();
  signal?.throwIfAborted();
}
