import { FormatError } from "../engine/errors.ts";
import { hashWords } from "../engine/random.ts";

/** What a session holds. */
export interface SessionContent {
  /** Tokens that have been read. */
  readonly position: number;
  readonly state: Float32Array;
  /** V logits, or none where nothing has been read. */
  readonly logits: Float32Array;
}

/** The model that a session is of. */
export interface SessionModel {
  /** Two words that tell it from others. */
  readonly fingerprint: readonly [number, number];
  readonly stateCount: number;
  readonly config: { readonly vocabSize: number };
}

// little-endian words: mark, version, fingerprint of the model (2), position as float64 (2), state, logits, checksum (2)
const MARK = 0x53534254; // "TBSS"
const VERSION = 1;
const HEADER = 6;
const CHECKSUM = 2;

/** A session as bytes, whose number depends on the model alone. */
export function writeSession(model: SessionModel, { position, state, logits }: SessionContent): Uint8Array {
  const words = new Uint32Array(wordsOf(model));
  words.set([MARK, VERSION, ...model.fingerprint]);
  new DataView(words.buffer).setFloat64(4 * 4, position, true);
  const floats = new Float32Array(words.buffer);
  floats.set(state, HEADER);
  floats.set(logits, HEADER + state.length);
  words.set(checksum(words), words.length - CHECKSUM);
  return new Uint8Array(words.buffer);
}

/**
 * Reads what {@link writeSession} wrote.
 *
 * @throws FormatError for anything else, for a damaged session and for one of another model.
 */
export function readSession(model: SessionModel, bytes: Uint8Array): SessionContent {
  // a copy, at an address that words can be read from
  const { buffer } = bytes.slice(0, bytes.length - (bytes.length % 4));
  const words = new Uint32Array(buffer);
  const [mark, version, ...fingerprint] = words.subarray(0, 4);
  if (mark !== MARK) throw new FormatError("no saved session: it does not begin as those of session.save() do");
  if (version !== VERSION) {
    throw new FormatError(`the saved session is of version ${version}; version ${VERSION} can be read`);
  }
  const sum = checksum(words);
  if (words.length < HEADER + CHECKSUM || bytes.length % 4 !== 0 || sum.some((word, i) => word !== words.at(i - 2))) {
    throw new FormatError("the saved session is damaged: its checksum is another");
  }
  if (model.fingerprint.some((word, i) => word !== fingerprint[i]) || words.length !== wordsOf(model)) {
    throw new FormatError("the saved session is of another model; restore it with the model that it was saved from");
  }
  const position = new DataView(buffer).getFloat64(4 * 4, true);
  const floats = new Float32Array(buffer);
  const logits = HEADER + model.stateCount;
  return {
    position,
    state: floats.slice(HEADER, logits),
    logits: floats.slice(logits, position === 0 ? logits : logits + model.config.vocabSize),
  };
}

function wordsOf({ stateCount, config }: SessionModel): number {
  return HEADER + stateCount + config.vocabSize + CHECKSUM;
}

function checksum(words: Uint32Array): [number, number] {
  const content = words.subarray(0, -CHECKSUM);
  return [hashWords(content, 1), hashWords(content, 2)];
}
