/** A command of a document that the test does not run. */
export interface NotRun {
  readonly command: string;
  readonly reason: string;
  /** It is run where this program is in the path. */
  readonly unless?: string;
}

/** All of them. The test fails for one that no document has any more. */
export const notRun: readonly NotRun[] = [
  { command: "npm ci && npm start", reason: "installs and builds, for minutes; the run that it starts is in test/cli" },
  { command: "npm install thunderbolt-lm", reason: "asks the registry; test/package installs what would be published" },
  { command: "deno run -A story.ts", reason: "test/runtimes/package.mjs brings Deno", unless: "deno" },
  { command: "bun story.ts", reason: "test/runtimes/package.mjs brings Bun", unless: "bun" },
  { command: "npm ci", reason: "was run before any test" },
  { command: "npm test", reason: "runs this test" },
  { command: "npm run check", reason: "a part of npm test, before the tests" },
  { command: "npx biome check --write", reason: "would change the work tree" },
  { command: "node bench/commits.mjs main .", reason: "builds another commit, for minutes" },
  { command: "npm run bench", reason: "thunderbolt bench, which the README's block runs" },
  { command: "npm run docs", reason: "test/api-docs.test.ts runs it, without output" },
  { command: "node test/runtimes/compare.mjs", reason: "installs runtimes, for ten minutes" },
  { command: "node test/runtimes/package.mjs", reason: "installs runtimes, for two minutes" },
  { command: "node test/runtimes/serve.mjs", reason: "installs runtimes, for two minutes" },
  { command: "node test/runtimes/kernels.mjs", reason: "installs runtimes, for two minutes" },
];
