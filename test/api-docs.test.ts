import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

test("everything that the package exports is documented", () => {
  const typedoc = join(root, "docs", "node_modules", "typedoc", "bin", "typedoc");
  const args = [typedoc, "--options", join(root, "docs", "typedoc.json"), "--emit", "none"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect(status, `${stdout}${stderr}`).toBe(0);
});
