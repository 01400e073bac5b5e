import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { OptionError } from "../engine/errors.ts";

/** Where the Hugging Face hub is, and who asks. */
export interface HubSettings {
  /** Default `HF_ENDPOINT`, or https://huggingface.co. */
  readonly endpoint: string;
  /**
   * Of an account, for files that not everyone may read; sent to the endpoint alone. Default `HF_TOKEN`, or what the
   * hub's own command saved when its user logged in. Empty: none.
   */
  readonly token: string;
  /** Seconds without a byte after which a connection counts as broken. Default `HF_HUB_DOWNLOAD_TIMEOUT`, or 30. */
  readonly idleSeconds: number;
}

/**
 * What was given, and for the rest what the environment says, in the variables that the hub's own programs read.
 *
 * @throws OptionError naming the value that cannot be used.
 */
export function hubSettings(given: Partial<HubSettings> = {}, env: NodeJS.ProcessEnv = process.env): HubSettings {
  const endpoint = (given.endpoint ?? (env.HF_ENDPOINT || "https://huggingface.co")).replace(/\/+$/, "");
  if (!URL.canParse(endpoint) || !/^https?:\/\//i.test(endpoint)) {
    throw new OptionError(`the hub's endpoint (HF_ENDPOINT) is ${endpoint}; it must be a URL of http or https`);
  }
  const token = (given.token ?? (env.HF_TOKEN || savedToken(env))).trim();
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw new OptionError("the hub's token (HF_TOKEN, or the one that was saved) has characters that no token has");
  }
  const idleSeconds = given.idleSeconds ?? Number(env.HF_HUB_DOWNLOAD_TIMEOUT || 30);
  if (!(idleSeconds > 0 && idleSeconds <= 86_400)) {
    throw new OptionError(
      `the seconds to wait for the hub (HF_HUB_DOWNLOAD_TIMEOUT) are ${idleSeconds}; they must be above 0 and at most 86400`,
    );
  }
  return { endpoint, token, idleSeconds };
}

/** The token that logging in has saved, or nothing. */
function savedToken(env: NodeJS.ProcessEnv): string {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  try {
    return readFileSync(env.HF_TOKEN_PATH || join(home, "token"), "utf8");
  } catch {
    return "";
  }
}
