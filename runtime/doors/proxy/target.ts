// Where a request to the proxy wants to go, read so that there is one way to read it: what is judged is what is connected to. Pure.
// Anything that two readers could take for two targets is refused. Source: RFC 9112, section 3.2; the URL standard.
import type { JsonObject } from "../../json.ts";

export interface Target {
  /** A name in lower case, or an address as it is written canonically; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface UrlTarget extends Target {
  /** As it came. */
  readonly path: string;
  /** By key; a key that is there more than once has a list. */
  readonly query: JsonObject;
  /** Path and query as they go out. */
  readonly pathAndQuery: string;
  readonly url: string;
}

const authorityForm = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+):([1-9][0-9]{0,4})$/i;
const absoluteForm = /^http:\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?((?:\/[\x21-\x7e]*)?)$/i;
const pathForm = /^\/[\x21-\x7e]*$/;
export const targetLengthMax = 8192;
const queryKeysMax = 256;
const portMax = 65_535;
const plainPort = 80;

/** The target of CONNECT, or why it is none. */
export function connectTarget(text: string): Target | string {
  const [, host = "", port = ""] = authorityForm.exec(text) ?? [];
  return host === "" ? "a tunnel's target is `host:port`" : targetOf(host, Number(port));
}

/** The target of any other method in absolute form, or why it is none. */
export function urlTarget(text: string): UrlTarget | string {
  if (text.length > targetLengthMax) return `a target has at most ${targetLengthMax} characters`;
  if (/^https:/i.test(text)) return "https goes through a tunnel: CONNECT";
  const [, host, port, rest] = absoluteForm.exec(text) ?? [];
  if (host === undefined) return "a target is `http://host/path`, without a user and in plain letters";
  const target = targetOf(host, port === undefined ? plainPort : Number(port));
  if (typeof target === "string") return target;
  const split = splitPath(rest === "" || rest === undefined ? "/" : rest);
  if (typeof split === "string") return split;
  const authority = `${target.host.includes(":") ? `[${target.host}]` : target.host}:${target.port}`;
  return { ...target, ...split, url: `http://${authority}${split.pathAndQuery}` };
}

/** A path and its query in origin form, or why it is none. */
export function splitPath(text: string): Pick<UrlTarget, "path" | "query" | "pathAndQuery"> | string {
  if (text.length > targetLengthMax) return `a target has at most ${targetLengthMax} characters`;
  if (!pathForm.test(text) || text.includes("#") || text.includes("\\"))
    return "a path is plain letters, without `#` and `\\`";
  const parsed = new URL(text, "http://h");
  // Dots that step up, written plainly or as `%2e`: the server could serve another path than the one that was judged.
  const [path = ""] = text.split("?", 1);
  if (parsed.hostname !== "h" || parsed.pathname !== path)
    return "a path has no steps (`.`, `..`) and nothing that is written in two ways";
  if (/%(?:2f|5c|00)/i.test(path)) return "a path has no encoded slash and no encoded zero";
  const query = queryOf(text.slice(path.length + 1));
  return query === null ? `a query has at most ${queryKeysMax} keys` : { path, query, pathAndQuery: text };
}

function queryOf(text: string): JsonObject | null {
  const values = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(text)) {
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
    if (values.size > queryKeysMax) return null;
  }
  return Object.fromEntries([...values].map(([key, all]) => [key, all.length === 1 ? (all[0] ?? "") : all]));
}

function targetOf(written: string, port: number): Target | string {
  if (port > portMax) return `a port is at most ${portMax}`;
  const host = written.toLowerCase();
  // The parser turns 0x7f.1, 2130706433 and 127.1 into 127.0.0.1: whoever writes them so wants to be read in two ways.
  const parsed = URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname : null;
  if (parsed !== host) return "the host is not written as it is read";
  if (host.endsWith(".") || host.startsWith(".") || host.includes("..")) return "a host has no empty labels";
  return { host: host.replace(/^\[|\]$/g, ""), port };
}

/** Whether the header `host` names this target; RFC 9112 would have it ignored, and then two readers see two hosts. */
export function namesTarget(header: string | undefined, { host, port }: Target, isTunnel: boolean): boolean {
  const written = host.includes(":") ? `[${host}]` : host;
  const given = (header ?? "").toLowerCase();
  return given === `${written}:${port}` || (given === written && (isTunnel || port === plainPort));
}
