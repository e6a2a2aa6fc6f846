// Rules in YAML and JSON: a map of effect, tool and clauses, or the text of a rule as it stands in governance.fms.
import type { Effect, Expr, NetworkMatcher, Rule, Value } from "../ast.ts";
import { limits } from "../limits.ts";
import { effects } from "../parse/rule.ts";
import { suggest } from "../suggest.ts";
import type { Form, Keys, Known } from "./form.ts";
import { readCondition, readRuleText } from "./fragment.ts";
import type { Node } from "./node.ts";
import { readPlain } from "./value.ts";

const ruleKeys = {
  effect: [],
  tool: ["pattern"],
  if: ["when", "condition"],
  reason: [],
  notify: [],
  reeval: [],
  host: [],
  port: [],
  method: [],
  path: [],
  query: [],
  header: ["headers"],
} satisfies Keys;

const example = 'write { effect: permit, tool: "stripe/refund", if: "amount < 500" }';

/** The rules of a list, in its order. */
export function readRules(form: Form, node: Node): Rule[] {
  if (node.kind !== "list") {
    form.wrong(node, "`rules` is a list", "begin each rule with `-`; `[]` is no rule at all");
    return [];
  }
  const rules: Rule[] = [];
  for (const item of node.items) {
    // What cannot compile any more is not read on: each rule is parsed by itself, which takes its time.
    if (form.isFull || rules.length > limits.rules) break;
    const rule = readRule(form, item);
    if (rule !== null) rules.push(rule);
  }
  return rules;
}

export function readRule(form: Form, node: Node): Rule | null {
  if (node.kind === "scalar" && typeof node.value === "string") return readRuleText(form, node, node.value);
  if (node.kind !== "map") {
    form.wrong(node, "a rule is a map or a text", example);
    return null;
  }
  if (isForeign(form, node)) return null;
  const found = new Map(form.known(node, "a rule", ruleKeys).map((entry) => [entry.name, entry]));
  const lacking = ["effect", "tool"].filter((name) => !found.has(name));
  for (const name of lacking) form.report("FMS014", `a rule lacks \`${name}\``, node.span, { help: example });
  const effect = readEffect(form, found.get("effect"));
  const tool = found.get("tool");
  const pattern = tool === undefined ? null : form.placed(tool.value, "`tool`", 'write tool: "stripe/*"');
  const reason = found.get("reason");
  const notify = readNotify(form, found.get("notify"));
  const read = {
    condition: readIf(form, found.get("if")),
    network: [...found.values()].flatMap((entry) => readMatchers(form, entry)),
    notify,
    reason: reason === undefined ? null : form.text(reason.value, "`reason`", 'write reason: "…"'),
    reeval: readReeval(form, found.get("reeval")),
  };
  return effect === null || pattern === null ? null : { effect, pattern, ...read, span: node.span };
}

/** Keys of rules in other tools' files and in older ones of this tool: what stands here instead. One message says all. */
const foreignKeys: ReadonlyMap<string, string> = new Map([
  ["match", "what a rule matches stands beside its effect: tool, if, host, port, method, path, query, header"],
  ["op", "the operation is part of the tool's name: tool: http/get"],
  ["operation", "the operation is part of the tool's name: tool: http/get"],
  ["require_approval", "write effect: defer"],
  ["action", "write effect: permit, deny or defer"],
  ["tools", "a rule names one tool or pattern: write one for each"],
  ...[...Object.keys(effects), "deny!"].map((word): [string, string] => [
    word,
    `write { effect: ${word}, tool: "…" }, or the rule as text: - ${word} stripe/refund`,
  ]),
]);

function isForeign(form: Form, node: Node & { kind: "map" }): boolean {
  const entry = node.entries.find(({ key }) => foreignKeys.has(key));
  if (entry === undefined) return false;
  form.report("FMS011", `unknown field \`${entry.key}\` in a rule`, entry.keySpan, {
    help: foreignKeys.get(entry.key) ?? example,
  });
  return true;
}

const effectWords = [...Object.keys(effects), "deny!"];

function readEffect(form: Form, entry: Known | undefined): Effect | null {
  if (entry === undefined) return null;
  const text = form.text(entry.value, "`effect`", "write effect: deny");
  if (text === null) return null;
  if (text === "deny!") return text;
  const effect = Object.hasOwn(effects, text) ? effects[text] : undefined;
  if (effect !== undefined) return effect;
  const near = suggest(text, effectWords);
  form.report("FMS012", `\`effect\` cannot be \`${text}\``, entry.value.span, {
    help: near === null ? "write one of `permit`, `deny`, `defer`, `deny!`" : `did you mean \`${near}\`?`,
  });
  return null;
}

/** `default`, which knows no `deny!`. */
export function readDefault(form: Form, entry: Known): "permit" | "deny" | "defer" | null {
  const effect = readEffect(form, entry);
  if (effect !== "deny!") return effect;
  form.report("FMS012", "`default` cannot be `deny!`", entry.value.span, { help: "write `default: deny`" });
  return null;
}

function readIf(form: Form, entry: Known | undefined): Expr | null {
  if (entry === undefined) return null;
  const { value: node } = entry;
  if (node.kind === "scalar" && typeof node.value === "boolean")
    return { kind: "bool", value: node.value, span: node.span };
  if (node.kind === "scalar" && typeof node.value === "string") return readCondition(form, node, node.value);
  form.wrong(node, `\`${entry.key}\` is a condition as text`, `write ${entry.key}: "amount < 500"`);
  return null;
}

function readNotify(form: Form, entry: Known | undefined): Value[] {
  const value = entry === undefined ? null : readPlain(form, entry.value);
  if (value === null) return [];
  return value.kind === "list" ? [...value.items] : [value];
}

function readReeval(form: Form, entry: Known | undefined): boolean | null {
  if (entry === undefined) return null;
  const { value: node } = entry;
  if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
  form.report("FMS012", "`reeval` is true or false", node.span);
  return null;
}

const parts = ["host", "port", "method", "path"] as const;
const maps = ["query", "header"] as const;
const variableName = /^vars\.[A-Za-z_][\w-]*$/;

/** Text of a matcher is text; only `vars.x` speaks of a variable here, since nothing tells a bare word from a text. */
export function readMatched(form: Form, node: Node): Value | null {
  const value = readPlain(form, node);
  return value?.kind === "string" && variableName.test(value.value) ? { ...value, kind: "word" } : value;
}

function readMatchers(form: Form, { name, keySpan, value: node }: Known): NetworkMatcher[] {
  const part = parts.find((word) => word === name);
  if (part !== undefined) {
    const value = readMatched(form, node);
    return value === null ? [] : [{ part, key: null, value, span: { ...keySpan, end: node.span.end } }];
  }
  const map = maps.find((word) => word === name);
  if (map === undefined) return [];
  if (node.kind !== "map") {
    form.wrong(node, `\`${name}\` is a map`, `write ${name}: { name: "value" }`);
    return [];
  }
  return node.entries.flatMap((entry): NetworkMatcher[] => {
    const value = readMatched(form, entry.value);
    const span = { ...entry.keySpan, end: entry.value.span.end };
    return value === null ? [] : [{ part: map, key: entry.key, value, span }];
  });
}
