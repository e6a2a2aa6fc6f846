// The small world in which generated policies and requests meet: few names, so that they often speak of the same thing.

import type { Random } from "./random.ts";

export const tools = ["t", "u", "a/b", "a/c", "a/b/c", "mail/send", "mail/read", "x_all", "x", "b"] as const;

export const patterns = [
  "t",
  "u",
  "a/b",
  "a/c",
  "mail/send",
  "*",
  "**",
  "a/*",
  "a/**",
  "**/b",
  "a/**/c",
  "mail/*",
  "mail/?e*",
  "x_*",
  "*_all",
  "?",
  "x*",
  "*/b",
  "a/?",
  "*/*/c",
  "**/*",
  "m*l/s*d",
  "a/**/b",
] as const;

export const models = ["m-1", "M-1", "m-2", "a/m-1", "a"] as const;

/** Patterns under which most calls come, for rules that are held apart by something else. */
export const widePatterns = ["*", "**", "**/*", "a/**", "?"] as const;

/** Names of one dotted path each: arguments, words of the request, http parts. */
export const fields = [
  "x",
  "y",
  "z",
  "x",
  "y",
  "args.x",
  "a.b",
  "a.b.c",
  "list[0]",
  "list",
  "items[1].k",
  "recipients",
  "mail.recipients",
  "items",
  "x.length",
  "list.length",
  "principal.role",
  "principal.groups",
  "delegation.depth",
  "host",
  "port",
  "method",
  "path",
  "query.q",
  "headers.h",
  "headers.X-A",
  "query.k",
  "model",
  "toString",
  "reason",
  "default",
  "v",
  "w",
  "vars.v",
  "v.length",
  "acc",
  "acc.k",
  "risk",
  "acc.length",
  "acc[0]",
  "selectors.risk",
] as const;

/** Time zones, and a time at which each has its clocks changed: an hour, half of one, at midnight, behind it, a day. */
export const clockChanges = [
  ["Europe/Berlin", Date.UTC(2024, 2, 31, 1)],
  ["Europe/Berlin", Date.UTC(2024, 9, 27, 1)],
  ["America/Havana", Date.UTC(2024, 10, 3, 5)],
  ["America/St_Johns", Date.UTC(2010, 10, 7, 2, 31)],
  ["Asia/Beirut", Date.UTC(2024, 2, 30, 22)],
  ["Australia/Lord_Howe", Date.UTC(2024, 3, 6, 15)],
  ["Pacific/Apia", Date.UTC(2011, 11, 30, 10)],
  ["America/New_York", Date.UTC(2037, 2, 8, 7)],
  ["Asia/Kolkata", Date.UTC(2024, 1, 28, 18, 30)],
  ["UTC", Date.UTC(2024, 1, 29)],
] as const;

/** Counters of `ambient`. */
export const ambientCounters = [
  "max_calls_per_minute",
  "max_calls",
  "max_requests_per_hour",
  "max_cost_per_hour",
  "max_spend",
  "max_bytes_per_minute",
  "max_data_volume",
  "max_recipients",
  "max_xes_per_minute",
  "max_amounts_per_hour",
  "max_unique_items",
] as const;

/** Words that always hold text, and such as always hold a number: the compiler refuses to compare them with another kind. */
export const textWords = ["tool", "tool_name", "agent", "action", "model", "session.id"] as const;
export const numberWords = [
  "time.hour",
  "time.minute",
  "time.day",
  "time.month",
  "time.weekday",
  "time.now",
  "x.length",
  "len(x)",
  "len(list)",
] as const;

export const strings = [
  "a",
  "b",
  "ab",
  "abc",
  "A",
  "Ab",
  "",
  "é",
  "É",
  "😀",
  "aé😀",
  "10",
  "true",
  "t",
  "s1",
  "ﾡ",
  "a\nb",
  "a/b",
  "GET",
] as const;

export const numbers = [0, 1, 2, 3, 5, 10, -1, -2, -7, 2.5, 0.1, 1e3, 443, 9007199254740991] as const;

/** Numbers as policies write them. */
export const numberTexts = [
  "0",
  "1",
  "2",
  "3",
  "5",
  "10",
  "-1",
  "2.5",
  "0.1",
  "1e3",
  "443",
  "$1",
  "$2.50",
  "3s",
  "1h",
  "500ms",
  "1kb",
  "9007199254740991",
] as const;

export const expressions = [
  "a",
  "^a",
  "b$",
  "^ab?$",
  "[a-c]+",
  "^.$",
  "(?i)^AB",
  "\\d",
  "^\\w*$",
  "^(a|é)",
  "a.b",
  "(?s)a.b",
  "😀",
  "^$",
  "a{2,3}",
  "[^a]",
  "\\bab\\b",
  "(?m)^b$",
  "^\\S+$",
] as const;

/** What `args.url` may hold; the last few are none. */
export const urls = [
  "https://a/",
  "http://A.b.c:8080/a/b?q=a&q=b",
  "https://x.B.c/a/../b?k=%61b",
  "wss://b:443",
  "ws://b:1/a//b/?q=",
  "ftp://a/A",
  "http://[0::1]/?q=1&k",
  "https://é/é?q=é",
  "HTTPS://u:p@a:80/?q=+",
  "mailto:a@b",
  "file:///a/b",
  "data:,a",
  "a/b?q=a",
  "//a/b",
  "https://",
  "https://a:99999/",
  "",
] as const;

/** Paths that `args_array_…` is asked for. */
export const arrayPaths = [
  "list",
  "x",
  "recipients",
  "mail.recipients",
  "a.b",
  "items",
  "items[1].k",
  "list[0]",
  "a",
  "a.b.c",
] as const;

/** Workflow phases, in the order in which they are declared. */
export const workflowNames = ["intake", "work", "close"] as const;

export const sessions = ["s1", "s2", "default"] as const;

export const purposes = ["billing", "Support", "a"] as const;

/** Agent ids of requests; the first two are declared, or the first alone. */
export const agentIds = ["a", "a", "a", "a", "a", "a", "a", "a", "b", "b", "b", "c", "é", "__proto__"] as const;

/** A glob over a tiny alphabet. */
export function globText(random: Random): string {
  const segment = (): string =>
    random.oneIn(4) ? "**" : random.list(1, 4, () => random.pick(["a", "b", "a", "*", "?"])).join("");
  return random
    .list(1, 4, segment)
    .map((text) => (text === "**" ? text : text.replaceAll(/\*+/g, "*")))
    .join("/");
}

/** A tool's name over the same alphabet. */
export function toolName(random: Random): string {
  return random.list(1, 4, () => random.list(1, 4, () => random.pick(["a", "b"])).join("")).join("/");
}
