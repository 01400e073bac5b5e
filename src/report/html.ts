/** A stretch of HTML; made with {@link html}, so that what comes from outside is in it as text. */
export class Html {
  readonly source: string;

  /** @param source HTML as it is. */
  constructor(source: string) {
    this.source = source;
  }

  toString(): string {
    return this.source;
  }
}

/** What may stand in a template. */
export type Content = string | number | undefined | Html | readonly Content[];

/** HTML from a template: values are escaped unless they are HTML themselves; undefined is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.reduce((all, part, i) => all + sourceOf(values[i - 1]) + part));
}

function sourceOf(value: Content): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.source;
  if (typeof value === "object") return value.map(sourceOf).join("");
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A value for a `<script type="application/json">`, from which no text in it can break out. */
export function embeddedJson(value: unknown): Html {
  return new Html(JSON.stringify(value).replace(/</g, "\\u003c"));
}
