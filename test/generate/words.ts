// The small world in which generated policies and requests meet: few names, so that they often speak of the same thing.

export const tools = ["t", "u", "a/b", "a/c", "a/b/c", "mail/send", "mail/read", "x_all", "x", "b"] as const;

export const patterns = [
  "t", "u", "a/b", "a/c", "mail/send", "*", "**", "a/*", "a/**", "**/b", "a/**/c", "mail/*", "mail/?e*", "x_*", "*_all", "?", "x*",
  "*/b", "a/?", "*/*/c", "**/*", "m*l/s*d", "a/**/b",
] as const;

/** Names of one dotted path each: arguments, words of the request, http parts. */
export const fields = [
  "x", "y", "z", "x", "y", "args.x", "a.b", "a.b.c", "list[0]", "list", "items[1].k", "recipients", "mail.recipients", "items", "x.length", "list.length",
  "tool", "tool_name", "agent", "action", "model", "principal.role", "principal.groups", "session.id", "delegation.depth",
  "host", "port", "method", "path", "query.q", "headers.h", "time.hour", "time.minute", "time.day", "time.month", "time.weekday", "time.now",
  "toString", "reason", "default",
] as const;

export const strings = ["a", "b", "ab", "abc", "A", "Ab", "", "é", "É", "😀", "aé😀", "10", "true", "t", "s1", "ﾡ", "a\nb", "a/b", "GET"] as const;

export const numbers = [0, 1, 2, 3, 5, 10, -1, -2, 2.5, 0.1, 1e3, 443, 9007199254740991] as const;

/** Numbers as policies write them. */
export const numberTexts = [
  "0", "1", "2", "3", "5", "10", "-1", "2.5", "0.1", "1e3", "443", "$1", "$2.50", "3s", "1h", "500ms", "1kb", "9007199254740991",
] as const;

export const expressions = [
  "a", "^a", "b$", "^ab?$", "[a-c]+", "^.$", "(?i)^AB", "\\d", "^\\w*$", "^(a|é)", "a.b", "(?s)a.b", "😀", "^$", "a{2,3}", "[^a]", "\\bab\\b", "(?m)^b$", "^\\S+$",
] as const;

export const purposes = ["billing", "Support", "a"] as const;
