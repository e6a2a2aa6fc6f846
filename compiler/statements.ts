// The words that may begin a statement, by the place of the statement, and those that go on with a rule: what suggestions and
// completions offer. The grammar does not read them; a test holds that every one of them is one of its keywords.

export const rules = ["permit", "deny", "defer", "deny!", "allow", "approve", "block", "reject"];
export const clauses = [
  "if",
  "when",
  "reason",
  "notify",
  "reeval",
  "host",
  "port",
  "method",
  "path",
  "query",
  "header",
];
export const operators = ["and", "or", "not", "in", "contains", "starts_with", "ends_with", "matches"];
export const agentWords = [
  ...rules, "default", "model", "framework", "version", "var", "rules", "budget", "rate_limit", "redact", "phase",
  "egress", "model_policy", "session", "spawn", "completion_gate", "enforcement", "alert", "delegate", "ambient",
  "selector", "credential", "use", "assert",
]; // biome-ignore format: a table
export const topWords = [
  ...rules,
  "agent",
  "runtime",
  "phase",
  "import",
  "provider",
  "identity",
  "trust",
  "system",
  "manifest",
  "pack",
  "assert",
];
export const phaseWords = [...rules, "rules", "duration", "next", "tools"];
export const packWords = [...rules, "param", "var", "rules", "budget", "rate_limit", "redact", "use"];

/** By the production of the statement. */
export const statementWords: Readonly<Record<string, readonly string[]>> = {
  topStatement: topWords,
  agentStatement: agentWords,
  rulesStatement: rules,
  phaseStatement: phaseWords,
  packStatement: packWords,
};
