/**
 * Every error that this package raises on purpose. `code` is stable and meant for programs; `message` is one line
 * that names the value at fault and says what would do.
 */
export class ThunderboltError extends Error {
  /** A stable identifier, for example `"BAD_OPTION"`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An option or an argument that cannot be used: unknown, out of range, of the wrong type. */
export class OptionError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("BAD_OPTION", message, options);
  }
}

/** A model configuration that describes no model. */
export class ConfigError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("BAD_CONFIG", message, options);
  }
}

/** A text that cannot be trained on or scored: missing, empty, too short, not UTF-8. */
export class TextError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("BAD_TEXT", message, options);
  }
}

/** A file that is damaged, truncated or not of the form that its name promises. */
export class FormatError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("BAD_FILE", message, options);
  }
}

/** Something that a causal model can do and a model with `headNorm: "window"` cannot: stream, generate. */
export class NotCausalError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("NOT_CAUSAL", message, options);
  }
}

/** A model, batch or sequence that does not fit into the memory of a WebAssembly module. */
export class MemoryError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("TOO_LARGE", message, options);
  }
}

/** This runtime lacks what the engine needs, for example WebAssembly SIMD. */
export class RuntimeError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("UNSUPPORTED_RUNTIME", message, options);
  }
}

/** More texts are asked for at once than there is room for; later there may be. */
export class BusyError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("BUSY", message, options);
  }
}

/** A thread that worked on a run ended before its work did: it was killed, ran out of memory, or its kernels trapped. */
export class WorkerError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("WORKER_DIED", message, options);
  }
}

/** A file that could not be written: a full disk, no permission. What was there before is still there. */
export class SaveError extends ThunderboltError {
  constructor(message: string, options?: ErrorOptions) {
    super("NOT_SAVED", message, options);
  }
}

/** A file that could not be fetched: no connection, an answer that refuses it, bytes that are not the file's, no room. */
export class DownloadError extends ThunderboltError {
  /** Whether the same request may do better later: the connection broke, or the server is busy. */
  readonly temporary: boolean;
  /** Seconds that the server asked to wait until then. */
  readonly retryAfter: number | undefined;

  constructor(message: string, options: ErrorOptions & { temporary?: boolean; retryAfter?: number } = {}) {
    super("DOWNLOAD_FAILED", message, options);
    this.temporary = options.temporary ?? false;
    this.retryAfter = options.retryAfter;
  }
}
