/** Where the points of some curves lie: after how many tokens, and after how many seconds of training. */
export interface Axis {
  readonly tokens: readonly number[];
  readonly seconds: readonly number[];
}

/** A line in a chart. */
export interface Curve {
  readonly label: string;
  /** A CSS colour, which may name variables of the style sheet. */
  readonly colour: string;
  /** Which of the sheet's axes its points lie on. */
  readonly axis: number;
  readonly y: readonly number[];
  /** Pixels; default 1.5. 0 for one that only bounds a band. */
  readonly width?: number;
  readonly dash?: readonly number[];
  /** Marks each point. */
  readonly points?: boolean;
}

/** What one chart shows. */
export interface Chart {
  /** Of the element that it is drawn in. */
  readonly id: string;
  readonly curves: readonly Curve[];
  /** The area between two curves, upper and lower, filled in the colour of the first. */
  readonly band?: readonly [upper: number, lower: number];
  /** How the vertical axis runs; default over the range of the values. */
  readonly scale?: "from zero" | "logarithmic";
}

/** All charts of a page, as its script finds them in it. */
export interface ChartSheet {
  readonly axes: readonly Axis[];
  readonly charts: readonly Chart[];
}
