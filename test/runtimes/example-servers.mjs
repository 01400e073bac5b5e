// Starts the examples that are servers, for test/examples.test.ts and package.mjs.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of a command, if there is one of that name. */
export function findCommand(name) {
  const paths = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Runs a server until `use` is done with it.
 *
 * @param use gets the address that the server prints.
 */
export async function withServer([command, ...args], cwd, use) {
  const server = spawn(command, args, { cwd, env: { ...process.env, PORT: "0" }, stdio: ["ignore", "pipe", "pipe"] });
  const exit = new Promise((resolve) => server.once("exit", resolve));
  try {
    const port = await new Promise((resolve, reject) => {
      let said = "";
      const hear = (chunk) => {
        said += chunk;
        const [, found] = /http:\/\/[^\s/]+:(\d+)/.exec(said) ?? [];
        if (found) resolve(found);
      };
      server.stdout.setEncoding("utf8").on("data", hear);
      server.stderr.setEncoding("utf8").on("data", hear);
      server.once("error", reject);
      exit.then(() => reject(new Error(`${command} ${args.join(" ")} ended: ${said}`)));
    });
    return await use(`http://127.0.0.1:${port}`);
  } finally {
    server.kill("SIGKILL");
    await exit;
  }
}

/** The completion that every server is asked for. */
export const asked = { prompt: "The dog", seed: 3, max_tokens: 40 };

/** What a server with a story at one path and the app of thunderbolt-lm/server under another says. */
export async function askServer(url, storyPath, appPath) {
  const story = await fetch(`${url}${storyPath}`);
  const completion = await fetch(`${url}${appPath}/v1/completions`, {
    method: "POST",
    body: JSON.stringify(asked),
  });
  return { type: story.headers.get("content-type"), story: await story.text(), completion: await completion.json() };
}
