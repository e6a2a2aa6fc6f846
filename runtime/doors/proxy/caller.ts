// Who sends a request to the proxy: the holder of an agent's token, shown as a proxy's user and password or in a header of ours. It
// must never take the agent from anything else, and never pass the token on.
import type { IncomingHttpHeaders } from "node:http";
import type { Identity } from "../../identity.ts";
import type { Tokens, TokenView } from "../../tokens.ts";
import type { Door } from "../kinds.ts";

export interface ProxyCaller {
  readonly token: TokenView;
  readonly agentId: string;
  readonly sessionId: string | null;
  readonly approvalId: string | null;
  readonly identity: Identity;
}

const basic = /^basic +([A-Za-z0-9+/]{1,1024}={0,2})$/i;
const bearer = /^bearer +([A-Za-z0-9_-]{1,256})$/i;

/** Null where no agent's token in force was shown. `http://agent:TOKEN@host:port` is how clients write it. */
export function proxyCallerOf(
  headers: IncomingHttpHeaders,
  tokens: Tokens,
  nowUs: number,
  door: Door,
): ProxyCaller | null {
  const shown = shownIn(headers);
  const token = shown === null ? null : tokens.find(shown.secret, nowUs);
  if (shown === null || token === null || token.role !== "agent") return null;
  const agentId = token.agent_id ?? shown.user;
  // A name that contradicts the token is a mistake that would be recorded as another agent's.
  if (agentId === null || (shown.user !== null && shown.user !== agentId)) return null;
  return {
    token,
    agentId,
    sessionId: textOf(headers["x-faramesh-session"]),
    approvalId: textOf(headers["x-faramesh-approval"]),
    identity: { agentId: token.agent_id, recorded: `token:${token.id}`, door },
  };
}

function shownIn(headers: IncomingHttpHeaders): { readonly user: string | null; readonly secret: string } | null {
  const own = textOf(headers["x-faramesh-token"]);
  if (own !== null) return { user: null, secret: own };
  const given = headers["proxy-authorization"] ?? "";
  const token = bearer.exec(given)?.[1];
  if (token !== undefined) return { user: null, secret: token };
  const pair = Buffer.from(basic.exec(given)?.[1] ?? "", "base64").toString("utf8");
  const at = pair.indexOf(":");
  if (at < 0) return null;
  return { user: at === 0 ? null : pair.slice(0, at), secret: pair.slice(at + 1) };
}

function textOf(value: string | string[] | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
