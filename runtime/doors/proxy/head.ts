// The head of a request on its way through the proxy: what makes two readers see two requests is turned away, and what belongs to
// one connection, or to us, does not go on. Pure. Source: RFC 9110, section 7.6; RFC 9112, sections 6 and 11.
import type { IncomingHttpHeaders } from "node:http";

export interface ProxyHead {
  readonly httpVersion: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

export const headersMax = 128;

/** Headers of which a second one makes readers differ. */
const single: ReadonlySet<string> = new Set([
  "host", "content-length", "transfer-encoding", "content-type", "expect", "authorization", "proxy-authorization",
  "x-faramesh-token", "x-faramesh-session", "x-faramesh-approval",
]); // biome-ignore format: a list

/** Of one connection, not of the message. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "proxy-authentication-info", "te",
  "trailer", "transfer-encoding", "upgrade", "http2-settings", "expect",
]); // biome-ignore format: a list

const ours = "x-faramesh-";

/** Why the request goes no further; null where it may. */
export function faultOfHead({ httpVersion, headers, rawHeaders }: ProxyHead, isTunnel: boolean): string | null {
  // Python asks for its tunnels in the older version, which frames bodies in another way; a tunnel has none.
  if (httpVersion !== "1.1" && !(isTunnel && httpVersion === "1.0")) return "only HTTP/1.1 is spoken here";
  if (rawHeaders.length / 2 > headersMax) return `a request has at most ${headersMax} headers`;
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const twice = names.find((name, index) => single.has(name) && names.indexOf(name) !== index);
  if (twice !== undefined) return `the header \`${twice}\` stands there twice`;
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined && coding !== "chunked") return "the only transfer coding is `chunked`";
  if (coding !== undefined && length !== undefined)
    return "a request has either a content-length or a transfer-encoding";
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return "the content-length is a number of bytes";
  if (isTunnel && (coding !== undefined || Number(length ?? 0) > 0)) return "CONNECT has no body";
  if (headers.upgrade !== undefined) return "a connection is not turned into another protocol here: use a tunnel";
  const named = (headers.connection ?? "")
    .toLowerCase()
    .split(",")
    .map((one) => one.trim());
  const hidden = named.find((name) => ["host", "content-length", "content-type", "authorization"].includes(name));
  if (hidden !== undefined) return `the header \`connection\` would take \`${hidden}\` away`;
  return null;
}

/** The headers that go on, in order, names and values in turn. */
export function passedOn(rawHeaders: readonly string[], leaveOut: readonly string[] = []): string[] {
  const dropped = new Set(leaveOut);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== "connection") continue;
    for (const name of (rawHeaders[index + 1] ?? "").split(",")) dropped.add(name.trim().toLowerCase());
  }
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !dropped.has(lower) && !lower.startsWith(ours))
      kept.push(name, rawHeaders[index + 1] ?? "");
  }
  return kept;
}

/** Headers that a policy may look at: what says who the caller is stays out of records. */
const unseen: ReadonlySet<string> = new Set(["authorization", "cookie", "set-cookie", "x-api-key"]);

/** Names in lower case, as `http.headers` of a call has them. */
export function judgedHeaders(rawHeaders: readonly string[]): Record<string, string> {
  const kept = passedOn(rawHeaders);
  const judged = new Map<string, string>();
  for (let index = 0; index < kept.length; index += 2) {
    const name = (kept[index] ?? "").toLowerCase();
    const before = judged.get(name);
    const value = kept[index + 1] ?? "";
    if (!unseen.has(name)) judged.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(judged);
}
