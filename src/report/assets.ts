/** What a page needs besides its text, to be put into it. */
export interface PageAssets {
  /** JavaScript that draws the charts. */
  readonly script: string;
  /** CSS. */
  readonly styles: string;
}

/**
 * The bundles of browser/: the build puts them into this module (esbuild.report.mjs). As it stands here pages have
 * tables and no charts.
 */
export function pageAssets(): PageAssets {
  return { script: "", styles: "" };
}
