// Bundles src/report/browser/ into the module that puts it into reports: they are one file each.
import { build } from "esbuild";

const settings = {
  bundle: true,
  minify: true,
  write: false,
  format: "iife",
  charset: "utf8",
  legalComments: "none",
  target: ["chrome124", "firefox125", "safari17.5"],
};

async function bundled(entryPoint) {
  const { outputFiles } = await build({ ...settings, entryPoints: [entryPoint] });
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
      return { loader: "js", contents: `export const pageAssets = ${JSON.stringify({ script, styles })};` };
    });
  },
};
