import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("memory does not grow in a short soak; `node bench/soak.mjs` takes longer", async () => {
  const program = fileURLToPath(new URL("../bench/soak.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, "--steps", "40", "--cycles", "30"]);
  const { training, loading } = JSON.parse(stdout);
  expect(training).toMatchObject({ grew: false });
  expect(loading).toMatchObject({ grew: false });
});
