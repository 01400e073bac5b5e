import type { MiddlewareHandler } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { ApiError } from "./api-error.ts";

/**
 * Refuses requests that call the server by a name that is not its own. A page whose name was made to lead here (DNS
 * rebinding) would otherwise be taken for the server's own.
 */
export function hostGuard(names: readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("host") ?? "";
    const name = host.replace(/:\d*$/, "").toLowerCase();
    if (!names.includes(name)) {
      throw new ApiError(
        403,
        `this server does not answer for the host ${JSON.stringify(name.slice(0, 80))}; call it ${names.join(" or ")}`,
      );
    }
    await next();
  };
}

/** Refuses to work for pages of other origins than the server's own and the one that is allowed, if any. */
export function originGuard(allowed: string | undefined): MiddlewareHandler {
  return async (c, next) => {
    const origin = c.req.header("origin");
    if (origin !== undefined && allowed !== "*" && origin !== allowed && hostOf(origin) !== c.req.header("host")) {
      throw new ApiError(403, "pages of this origin may not use the server; --cors would allow it");
    }
    await next();
  };
}

/** Refuses requests without the token. Tokens are compared in constant time. */
export function tokenGuard(token: string): MiddlewareHandler {
  const { body } = new ApiError(401, "the token is missing or wrong; send it as Authorization: Bearer <token>", {
    code: "invalid_api_key",
  });
  const refusal = { message: body };
  return bearerAuth({
    token,
    noAuthenticationHeader: refusal,
    invalidAuthenticationHeader: refusal,
    invalidToken: refusal,
  });
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
