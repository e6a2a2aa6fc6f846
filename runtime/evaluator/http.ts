// Where a rule's network words find their values: the request's http part; where there is none, the arguments of the same
// name, then the parts of args.url. Pure reading; whether a value fits is for the machine.
import type { EvaluationRequest } from "./types.ts";
import { follow, isObject, own } from "./values.ts";

const defaultPorts: Record<string, number> = { "http:": 80, "https:": 443, "ftp:": 21, "ws:": 80, "wss:": 443 };

/** `path` begins with host, port, method, path, query or headers. */
export function httpValue(request: EvaluationRequest, path: readonly (string | number)[]): unknown {
  if (request.http !== undefined && request.http !== null) return member(request.http, path);
  const argument = member(request.args, path);
  if (argument !== undefined) return argument;
  const url = own(request.args, "url");
  return typeof url === "string" ? urlPart(url, path) : undefined;
}

/** Undefined for a text that is no URL, and for what a URL does not say. */
export function urlPart(text: string, path: readonly (string | number)[]): unknown {
  const url = urlOf(text);
  return url === null ? undefined : partOf(url, path);
}

/** Not by URL.canParse: once optimised, that of Node 20 calls `https://é/` no URL, and a host would go unseen. */
function urlOf(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function member(holder: unknown, path: readonly (string | number)[]): unknown {
  const [part, name, ...rest] = path;
  if (part !== "headers" || typeof name !== "string") return follow(holder, path);
  return follow(header(own(holder, "headers"), name), rest);
}

/** Header names ignore case; one that stands there in two spellings has no value. */
function header(headers: unknown, name: string): unknown {
  if (!isObject(headers) || Array.isArray(headers)) return undefined;
  const wanted = asciiLower(name);
  const found = Object.keys(headers).filter((key) => key.length === wanted.length && asciiLower(key) === wanted);
  return found.length === 1 ? own(headers, found[0] ?? "") : undefined;
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (c) => c.toLowerCase());
}

function partOf(url: URL, path: readonly (string | number)[]): unknown {
  const [part, name] = path;
  if (path.length === 2 && part === "query" && typeof name === "string") return url.searchParams.get(name) ?? undefined;
  if (path.length !== 1) return undefined;
  switch (part) {
    case "host":
      return url.hostname === "" ? undefined : url.hostname;
    case "port":
      return url.port === "" ? defaultPorts[url.protocol] : Number(url.port);
    case "path":
      return url.pathname;
    default:
      return undefined;
  }
}
