// Where host, port, method, path, query and headers of a call come from: its http part, else its arguments of the same
// name, else the parts of `args.url`. What they are compared with is not known here.
import type { EvaluationRequest } from "../../runtime/evaluator/types.ts";
import { asciiLower } from "./value.ts";
import { type Path, walk } from "./walk.ts";

/** The raw value under `host`, `query.k` and the like; undefined when there is none. */
export function httpValue(request: EvaluationRequest, path: Path): unknown {
  if (request.http !== undefined) return partValue(request.http, path);
  const argument = partValue(request.args, path);
  return argument === undefined ? urlPart(walk(request.args, ["url"]), path) : argument;
}

function partValue(holder: unknown, path: Path): unknown {
  const [part, name, ...rest] = path;
  if (part !== "headers" || typeof name !== "string") return walk(holder, path);
  return walk(headerValue(walk(holder, ["headers"]), name), rest);
}

/** A header by its name in any case of ASCII; none where keys of the request differ only by that. */
function headerValue(headers: unknown, name: string): unknown {
  if (headers === null || typeof headers !== "object" || Array.isArray(headers)) return undefined;
  const keys = Object.keys(headers).filter((key) => asciiLower(key) === asciiLower(name));
  return keys.length === 1 ? walk(headers, keys) : undefined;
}

const defaultPorts: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "ftp:": 21,
  "ws:": 80,
  "wss:": 443,
};

function urlPart(text: unknown, path: Path): unknown {
  if (typeof text !== "string") return undefined;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return undefined;
  }
  const [first, key] = path;
  if (path.length === 1 && first === "host") return url.hostname === "" ? undefined : url.hostname;
  if (path.length === 1 && first === "port") return url.port === "" ? defaultPorts[url.protocol] : Number(url.port);
  if (path.length === 1 && first === "path") return url.pathname;
  if (path.length !== 2 || first !== "query" || typeof key !== "string") return undefined;
  return url.searchParams.get(key) ?? undefined;
}
