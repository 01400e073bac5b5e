// Bundles src/report/browser/ into the module that puts it into reports: they are one file each. The library that draws
// charts, half of that, lies in the package once: the page in dist/web imports it, and reports have it written into them.
import { build } from "esbuild";

const settings = {
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  target: ["chrome124", "firefox125", "safari17.5"],
};
/** Where it lies, seen from the modules beside it in dist/web. */
const SHARED = "./uplot.js";
const EXPORT = "export default uPlot.default;\n";

/** Writes the library into dist/web: a module of one variable, which is a script too without its last line. */
export async function buildUplot() {
  await build({
    ...settings,
    stdin: { contents: 'export { default } from "uplot";', resolveDir: "." },
    outfile: `dist/web/${SHARED}`,
    format: "iife",
    globalName: "uPlot",
    footer: { js: EXPORT.trim() },
  });
}

/** An esbuild plugin for the modules of dist/web, which import the library from beside them. */
export const uplotBeside = {
  name: "uplot-beside",
  setup({ onResolve }) {
    onResolve({ filter: /^uplot$/ }, () => ({ path: SHARED, external: true }));
  },
};

/** The same for a script in which it stands before. */
const uplotBefore = {
  name: "uplot-before",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^uplot$/ }, () => ({ path: "uplot", namespace: "before" }));
    onLoad({ filter: /./, namespace: "before" }, () => ({ contents: EXPORT }));
  },
};

async function bundled(entryPoint) {
  const { outputFiles } = await build({
    ...settings,
    entryPoints: [entryPoint],
    format: "iife",
    write: false,
    plugins: [uplotBefore],
  });
  return outputFiles[0].text;
}

/** An esbuild plugin that fills src/report/assets.ts. */
export const reportAssets = {
  name: "report-assets",
  setup({ onLoad }) {
    onLoad({ filter: /src\/report\/assets\.ts$/ }, async () => {
      const [script, styles] = await Promise.all(
        ["src/report/browser/charts.ts", "src/report/browser/styles.css"].map(bundled),
      );
      return {
        loader: "js",
        contents: `
          import { readFileSync } from "node:fs";
          export function pageAssets() {
            const uplot = readFileSync(new URL("./web/uplot.js", import.meta.url), "utf8");
            return {
              script: uplot.replace(${JSON.stringify(EXPORT)}, "") + ${JSON.stringify(script)},
              styles: ${JSON.stringify(styles)},
            };
          }`,
      };
    });
  },
};
