// What makes the long trainings of the documents short. All that the test changes in what it runs is in this file: how
// long trainings are and how wide their models, the port of the server, and the address of the hub.

/** Steps instead of any number of steps or minutes. */
const STEPS = "4";
/** Instead of any preset's shape, but for the vocabulary. */
const SHAPE = { dModel: 32, nHeads: 2, dHead: 16, nLayers: 2, dFfn: 64, seqLen: 32 };

/** The arguments of `thunderbolt`, made short. @param shapeFile the path of a file with {@link SHAPE}. */
export function shortArguments([command, ...rest], shapeFile, port) {
  const args = [command, ...rest];
  const replace = (flag, value) => {
    const at = args.indexOf(flag);
    if (at >= 0) args[at + 1] = value;
    return at >= 0;
  };
  if (command === "train") {
    for (const flag of ["--eval-every", "--save-every"]) replace(flag, "2");
    if (args.includes("--minutes")) args[args.indexOf("--minutes")] = "--steps";
    if (!replace("--steps", STEPS)) args.push("--steps", STEPS);
    // a configuration of the document's own stays what it is
    if (!args.includes("--config")) args.push("--config", shapeFile);
  }
  if (command === "bench") {
    replace("--preset", "tiny");
    args.push("--seconds", "0.02");
  }
  if (command === "serve" && !replace("--port", port)) args.push("--port", port);
  return args;
}

/** Code that calls the library, or a server, made short. */
export function shortCode(code, port) {
  return code
    .replace(/\b(steps|minutes): [\d_]+/g, `steps: ${STEPS}`)
    .replace(/\bevalEvery: [\d_]+/g, "evalEvery: 2")
    .replace(/\bpreset: "\w+"/g, (preset) => `${preset}, config: ${JSON.stringify(SHAPE)}`)
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`);
}

/** The content of the file for {@link shortArguments}. */
export const shapeJson = JSON.stringify(SHAPE);
