// The way out: an agent's requests to any host, as its policy's egress and rules say. A tunnel is judged by host and port, plain HTTP by
// method and path too. Nothing is looked up or connected to before there is a permit, and never a private address unless allowed.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { JsonObject } from "../../json.ts";
import { pinnedTo, plainly } from "../../outgoing/checked.ts";
import { proxyCallerOf } from "./caller.ts";
import { judgedHeaders, passedOn } from "./head.ts";
import { ask, fault, type ProxyLimits, type ProxyParts, refusal, type Said, tell, unknownCaller } from "./parts.ts";
import { relay } from "./relay.ts";
import { namesTarget, type Target, type UrlTarget, urlTarget } from "./target.ts";

/** Whom TRACE would show our own headers. */
const refusedMethods: ReadonlySet<string> = new Set(["TRACE", "TRACK"]);
const methodForm = /^[A-Z]{1,32}$/;

/** A plain request in absolute form. */
export async function forward(
  parts: ProxyParts,
  limits: ProxyLimits,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  say: (said: Said) => void,
): Promise<void> {
  const { headers, method = "", url = "" } = incoming;
  const caller = proxyCallerOf(
    headers,
    parts.governor.tokens,
    parts.governor.ledger.clock.now().wallUs,
    "forward-proxy",
  );
  if (caller === null) return say(unknownCaller());
  const target = urlTarget(url);
  if (typeof target === "string") return say(fault(400, "BAD_TARGET", target));
  if (!namesTarget(headers.host, target, false)) {
    return say(fault(400, "HOST_MISMATCH", "the header `host` and the target name two hosts"));
  }
  if (!methodForm.test(method) || refusedMethods.has(method)) {
    return say(fault(405, "METHOD", "this method is not sent on"));
  }
  const answer = await ask(parts, caller, plainCall(method, target, incoming.rawHeaders));
  if (answer.effect !== "PERMIT") return say(refusal(answer));
  const lookup = await placeOf(parts, target);
  if (typeof lookup === "string") {
    say(fault(lookup === isPrivate ? 403 : 502, lookup === isPrivate ? "PRIVATE_ADDRESS" : "UPSTREAM_FAILED", lookup));
    return tell(parts, caller, answer.action_id, { status: "failed", result: { why: lookup } });
  }
  const onward = {
    ...target,
    lookup,
    isSecure: false,
    path: target.pathAndQuery,
    headers: passedOn(incoming.rawHeaders),
    body: null,
  };
  const { status, why } = await relay(incoming, outgoing, onward, limits, say);
  await tell(parts, caller, answer.action_id, {
    status: why === null ? "succeeded" : "failed",
    result: { status, ...(why === null ? {} : { why }) },
  });
}

function plainCall(method: string, target: UrlTarget, rawHeaders: readonly string[]): JsonObject {
  const { host, port, path, query, url } = target;
  const headers = judgedHeaders(rawHeaders);
  return { tool_id: `http/${method.toLowerCase()}`, args: { url }, http: { host, port, method, path, query, headers } };
}

export const isPrivate = "its address is private";

/** The addresses to connect to, or why to none. */
export async function placeOf(parts: ProxyParts, { host }: Target): Promise<Awaited<ReturnType<typeof pinnedTo>>> {
  try {
    return await pinnedTo(host, parts.allowPrivate());
  } catch (error) {
    return plainly(error);
  }
}
