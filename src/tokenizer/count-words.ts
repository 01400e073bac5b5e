/**
 * GPT-2's rule for what counts as a word, as Hugging Face's trainer applies it: line by line, so that white space ends
 * with its first line break. White space is Unicode's; JavaScript's `\s` has U+FEFF as well, and lacks U+0085. Every
 * character belongs to one word.
 *
 * What is a letter is up to the engine's version of Unicode: where one knows scripts that another does not know yet,
 * texts in those scripts come apart differently.
 */
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|[^\P{White_Space}\n]*\n|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Characters after which a long text is cut, at the next line break. */
const PIECE_CHARACTERS = 1 << 20;

/** The texts, each ended by a line break, in pieces of whole lines that take some milliseconds to count. */
export function* piecesOf(texts: Iterable<string>): Generator<string, void, undefined> {
  for (const text of texts) {
    let start = 0;
    let end = text.indexOf("\n", PIECE_CHARACTERS) + 1;
    while (end > 0) {
      yield text.slice(start, end);
      start = end;
      end = text.indexOf("\n", start + PIECE_CHARACTERS) + 1;
    }
    yield `${text.slice(start)}\n`;
  }
}

/** Adds the words of a piece to how often each occurs. */
export function countWords(piece: string, counts: Map<string, number>): void {
  // Words tile the text, so the end of each match is all there is to know.
  let start = 0;
  WORDS.lastIndex = 0;
  while (WORDS.test(piece)) {
    const word = piece.slice(start, WORDS.lastIndex);
    start = WORDS.lastIndex;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
}
