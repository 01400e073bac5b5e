/** A command as a shell takes it. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

/**
 * The command that makes a run again, from the one that started it: what decides nothing is left out (`--resume`,
 * `--overwrite`), and minutes become the steps that they were enough for.
 *
 * @param steps of the run; undefined for one that has not ended.
 */
export function commandToRepeat(command: readonly string[], steps: number | undefined): string[] {
  const words: string[] = [];
  for (let i = 0; i < command.length; i++) {
    const word = command[i];
    if (word === "--resume" || word === "--overwrite") continue;
    if (steps !== undefined && (word === "--minutes" || word.startsWith("--minutes="))) {
      if (word === "--minutes") i++;
      words.push("--steps", String(steps));
    } else words.push(word);
  }
  return words;
}
