import { ApiError } from "./api-error.ts";

/** What may end the work on a request before it is done. */
export interface Reasons {
  /** Aborts when the client goes away. */
  readonly client: AbortSignal;
  /** Aborts when the server is to stop. */
  readonly stopping?: AbortSignal;
  /** What a request may take. */
  readonly seconds: number;
}

/** Ends some work for whichever reason comes first, with an {@link ApiError}. @returns what to call when it is done. */
export function endEarly(work: AbortController, { client, stopping, seconds }: Reasons): () => void {
  const end = (message: string, code: string) => work.abort(new ApiError(503, message, { code }));
  const leave = () => end("the client has gone", "client_gone");
  const stop = () => end("the server is shutting down", "shutting_down");
  const timer = setTimeout(() => end(`the request took more than ${seconds} s`, "timeout"), seconds * 1000);
  client.addEventListener("abort", leave);
  stopping?.addEventListener("abort", stop);
  if (client.aborted) leave();
  if (stopping?.aborted) stop();
  return () => {
    clearTimeout(timer);
    client.removeEventListener("abort", leave);
    stopping?.removeEventListener("abort", stop);
  };
}
