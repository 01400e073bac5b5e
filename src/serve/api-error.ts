/** Something that a client is told in OpenAI's form, with the status of its response. */
export class ApiError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 413 | 429 | 500 | 503;
  /** The field at fault. */
  readonly param: string | null;
  /** For programs, for example `"model_not_found"`. */
  readonly code: string | null;

  constructor(
    status: ApiError["status"],
    message: string,
    { param = null, code = null }: { readonly param?: string | null; readonly code?: string | null } = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.param = param;
    this.code = code;
  }

  /** The body of the response. */
  get body(): { readonly error: Record<"message" | "type" | "param" | "code", string | null> } {
    const { message, param, code, status } = this;
    const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
    return { error: { message, type, param, code } };
  }
}

/** @param model what was asked for; name: what is served. */
export function unknownModel(model: string, name: string): ApiError {
  const message = `model is ${model.slice(0, 80)}, which is not served here; this is ${JSON.stringify(name)}`;
  return new ApiError(404, message, { param: "model", code: "model_not_found" });
}
