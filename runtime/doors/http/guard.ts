// The first look at a request's head, before its body is read and before anybody is asked who they are: whom it was sent to,
// whether a browser's page sent it, and whether two readers could see two different requests in it. It reads nothing else.
import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "./address.ts";
import type { HttpLimits } from "./limits.ts";

/** A request that goes no further. */
export interface Turned {
  readonly status: 400 | 403 | 405 | 411 | 413 | 415 | 421 | 431;
  readonly code: string;
  readonly message: string;
}

export interface Head {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

/** Headers that mean one thing or nothing: with two of them readers differ in which one counts. */
const single: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "authorization",
  "origin",
  "expect",
  "last-event-id",
  "traceparent",
  "x-request-id",
]);

const hostForm = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?$/;
const pathForm = /^\/[\x21-\x7e]*$/;

/** Null where the request may go on. `isOwnHost` knows the names that this server answers to. */
export function turnedAway(head: Head, limits: HttpLimits, isOwnHost: (host: string) => boolean): Turned | null {
  const { headers, rawHeaders } = head;
  if (rawHeaders.length / 2 > limits.headers) {
    return turn(431, "TOO_MANY_HEADERS", `a request has at most ${limits.headers} headers`);
  }
  const twice = duplicateOf(rawHeaders);
  if (twice !== null) return turn(400, "DUPLICATE_HEADER", `the header \`${twice}\` stands there twice`);
  if (head.httpVersion !== "1.1") return turn(400, "HTTP_VERSION", "only HTTP/1.1 is spoken here");
  if (!pathForm.test(head.url ?? "")) return turn(400, "BAD_TARGET", "the request's target is a path");
  return ofHost(headers, isOwnHost) ?? ofBrowser(headers) ?? ofBody(head, limits);
}

function turn(status: Turned["status"], code: string, message: string): Turned {
  return { status, code, message };
}

function duplicateOf(rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    if (!single.has(name)) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return null;
}

/** A page whose name was rebound to our address still sends its own name. */
function ofHost(headers: IncomingHttpHeaders, isOwnHost: (host: string) => boolean): Turned | null {
  const match = hostForm.exec(headers.host ?? "");
  const host = match?.[1] ?? match?.[2];
  if (host !== undefined && isOwnHost(host)) return null;
  return turn(421, "FOREIGN_HOST", "the header `host` does not name this server");
}

/** No page of a browser has any business here, and none is told that it may. */
function ofBrowser(headers: IncomingHttpHeaders): Turned | null {
  const isPage = headers.origin !== undefined || headers["sec-fetch-site"] !== undefined;
  return isPage ? turn(403, "BROWSER_REFUSED", "requests of browsers are refused") : null;
}

function ofBody({ method, headers }: Head, limits: HttpLimits): Turned | null {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined && coding !== "chunked") {
    return turn(400, "BAD_TRANSFER_ENCODING", "the only transfer coding is `chunked`");
  }
  if (coding !== undefined && length !== undefined) {
    return turn(400, "TWO_LENGTHS", "a request has either a content-length or a transfer-encoding");
  }
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) {
    return turn(400, "BAD_LENGTH", "the content-length is a number of bytes");
  }
  if (Number(length ?? 0) > limits.bodyBytes) return tooLarge(limits);
  if (method !== "POST") {
    const hasBody = coding !== undefined || Number(length ?? 0) > 0;
    return hasBody ? turn(400, "UNEXPECTED_BODY", "only POST has a body") : null;
  }
  if (coding === undefined && length === undefined) return turn(411, "NO_LENGTH", "the content-length is missing");
  if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(headers["content-type"] ?? "")) {
    return turn(415, "NOT_JSON", "the content-type is application/json");
  }
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return turn(415, "ENCODED_BODY", "bodies are not compressed");
  }
  return null;
}

export function tooLarge(limits: HttpLimits): Turned {
  return turn(413, "BODY_TOO_LARGE", `a body has at most ${limits.bodyBytes} bytes`);
}

/** Names of a door on `bound`: the loopback's where it is bound there, and those that its certificate says. */
export function ownHosts(bound: string, certifies: ((host: string) => boolean) | null): (host: string) => boolean {
  return (host) => {
    if (isLoopback(host)) return isLoopback(bound) || certifies !== null;
    return host.toLowerCase() === bound.toLowerCase() || (certifies?.(host) ?? false);
  };
}
