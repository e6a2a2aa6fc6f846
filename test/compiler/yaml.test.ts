// Policies as YAML and JSON: the same decisions as text, messages at the author's own places, and nothing accepted by
// accident, however the file is bent.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Agent, Block, Pack, Stack, Use, Value } from "../../compiler/ast.ts";
import { toText } from "../../compiler/format/print.ts";
import { compile, type Imports } from "../../compiler/index.ts";
import { ownParts } from "../../compiler/packs/own.ts";
import { conditionText, nameText, ruleText } from "../../compiler/text.ts";
import { toJson, toYaml } from "../../compiler/yaml/print.ts";
import { parseYaml } from "../../compiler/yaml.ts";
import { HEADER_BYTES, Section, TABLE_ROW_BYTES } from "../../vm/shared/image.ts";
import { importsIn } from "../imports.ts";

/** A digest of the bytes that decide, which policy_hash is over; null where the policy does not compile. */
function deciding(text: string, file: string, imports?: Imports): string | null {
  const { image } = compile(text, { file, ...(imports === undefined ? {} : { imports }) });
  if (image === undefined) return null;
  const view = new DataView(image.buffer, image.byteOffset);
  const row = HEADER_BYTES + Section.Host * TABLE_ROW_BYTES;
  const end = view.getUint32(row, true) + view.getUint32(row + 4, true);
  const start = view.getUint32(HEADER_BYTES, true);
  return createHash("sha256").update(image.subarray(start, end)).digest("hex");
}

function complaints(text: string, file: string, imports?: Imports): string[] {
  return compile(text, { file, ...(imports === undefined ? {} : { imports }) })
    .diagnostics.filter(({ severity }) => severity === "error")
    .map(({ code, line, column, message }) => `${line}:${column} ${code} ${message}`);
}

// The other shape: lists with ids become maps by name and the other way round, keys take their other spellings.

function otherValue(value: Value): unknown {
  if (value.kind === "list") return value.items.map(otherValue);
  if (value.kind === "number") return value.unit === "plain" ? value.value : value.text;
  if (value.kind === "bool") return value.value;
  if (value.kind === "nil") return null;
  if (value.kind === "env") return `env('${value.variable}')`;
  return /^[-$0-9]/.test(value.value) ? { text: value.value } : value.value;
}

function otherRule(rule: Agent["rules"][number], vars: Agent["vars"]): unknown {
  const clauses = rule.condition === null ? "" : ` when ${conditionText(rule.condition)}`;
  const parts = rule.network.map(({ part, key }) => `${part} ${key}`);
  if (new Set(parts).size < parts.length) return ruleText(rule);
  const isSimple = rule.notify.length === 0 && rule.reeval === null && rule.network.length === 0;
  if (rule.reason === null && isSimple) return `${rule.effect} ${JSON.stringify(rule.pattern.text)}${clauses}`;
  return {
    pattern: rule.pattern.text,
    ...(rule.condition === null ? {} : { condition: conditionText(rule.condition) }),
    ...(rule.reason === null ? {} : { reason: rule.reason }),
    ...(rule.notify.length === 0 ? {} : { notify: rule.notify.map(otherValue) }),
    ...(rule.reeval === null ? {} : { reeval: rule.reeval }),
    ...otherNetwork(rule, vars),
    effect: rule.effect,
  };
}

function otherNetwork(rule: Agent["rules"][number], vars: Agent["vars"]): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const { part, key, value } of rule.network) {
    const name = part === "header" ? "headers" : part;
    const isVariable = value.kind === "word" && vars.some((one) => one.name === value.value);
    const text = isVariable ? `vars.${value.value}` : otherText(value);
    if (key === null) members[name] = text;
    else members[name] = { ...(members[name] as object | undefined), [key]: text };
  }
  return members;
}

function otherText(value: Value): unknown {
  if (value.kind === "list") return value.items.map(otherText);
  return value.kind === "string" || value.kind === "word" ? value.value : otherValue(value);
}

function otherGate(keyword: string, gate: Agent["egress"], vars: Agent["vars"]): Record<string, unknown> {
  if (gate === null) return {};
  const lists = gate.fields.map(({ name, value }) => {
    const isVariable = value.kind === "word" && vars.some((one) => one.name === value.value);
    return [name, isVariable ? `vars.${value.value}` : otherText(value)];
  });
  return { [keyword]: Object.fromEntries(lists) };
}

function otherAgent(agent: Agent): unknown {
  const budgets = ownParts(agent.budgets).map(({ id, fields }) => [
    id,
    Object.fromEntries(
      fields.map(({ name, value }) => [
        name,
        value.kind === "name"
          ? nameText(value)
          : name === "window" && value.kind === "number"
            ? `${value.value}s`
            : otherValue(value),
      ]),
    ),
  ]);
  return {
    rules: ownParts(agent.rules).map((rule) => otherRule(rule, agent.vars)),
    ...(agent.uses === undefined ? {} : { use: otherUses(agent.uses, otherValue) }),
    ...(agent.default === null ? {} : { default: agent.default.effect }),
    id: agent.id,
    var: Object.fromEntries(agent.vars.map(({ name, value }) => [name, otherValue(value)])),
    budget: Object.fromEntries(budgets),
    rate_limits: ownParts(agent.rateLimits).map(({ pattern, count, windowMs }) => ({
      pattern: pattern.text,
      limit: count,
      per: `${windowMs}ms`,
    })),
    redact: ownParts(agent.redactions).map(({ pattern, paths }) => ({
      pattern: pattern.text,
      args: paths.map(({ text }) => text),
    })),
    ...otherGate("egress", agent.egress, agent.vars),
    ...otherGate("model_policy", agent.modelPolicy, agent.vars),
    ...Object.fromEntries(
      agent.blocks.filter(({ name }) => name === null).map((block) => [block.keyword, otherBlock(block)]),
    ),
    phase: Object.fromEntries(
      agent.phases.map((phase) => [
        phase.name,
        {
          ...(phase.durationMs === null ? {} : { duration: `${phase.durationMs}ms` }),
          tools: phase.tools.map(({ text }) => text),
          ...(phase.next === null ? {} : { next: phase.next.name }),
          rules: phase.rules.map((rule) => otherRule(rule, agent.vars)),
        },
      ]),
    ),
  };
}

function otherBlock(block: Block): object {
  return Object.fromEntries(
    block.entries.map(({ name, values }) => {
      const [only] = values;
      return [name, values.length === 1 && only !== undefined ? otherValue(only) : values.map(otherValue)];
    }),
  );
}

/** In text, a bare word of a budget or a `use` may name a value of its pack. */
const otherWord = (value: Value, pack: Pack): unknown =>
  value.kind === "word" && [...pack.params, ...pack.vars].some(({ name }) => name === value.value)
    ? `vars.${value.value}`
    : otherValue(value);

function otherUses(uses: readonly Use[], written: (value: Value) => unknown): unknown[] {
  return uses.map(({ name, parameters }) =>
    parameters.length === 0
      ? name
      : { [name]: Object.fromEntries(parameters.map((field) => [field.name, written(field.value)])) },
  );
}

function otherPack(pack: Pack): object {
  const agent = { ...pack, id: "", default: null, egress: null, modelPolicy: null, phases: [] };
  const budgets = pack.budgets.map((budget) => ({
    ...budget,
    fields: budget.fields.map((field) =>
      field.value.kind === "word"
        ? { ...field, value: { ...field.value, kind: "string" as const, value: String(otherWord(field.value, pack)) } }
        : field,
    ),
  }));
  const {
    rules,
    var: vars,
    budget,
    rate_limits,
    redact,
  } = otherAgent({ ...agent, budgets, blocks: [] } as unknown as Agent) as {
    [part: string]: unknown;
  };
  const params = pack.params.map((param) => [
    param.name,
    param.default === null ? { required: true } : otherValue(param.default),
  ]);
  const use = otherUses(pack.uses, (value) => otherWord(value, pack));
  return { name: pack.name, param: Object.fromEntries(params), var: vars, rules, budget, rate_limits, redact, use };
}

function otherShape(stack: Stack): string {
  return JSON.stringify({
    import: stack.imports.map(({ reference, alias }) => ({
      from: reference,
      ...(alias === null ? {} : { alias: alias.name }),
    })),
    pack: stack.packs.map(otherPack),
    ...(stack.anonymous === null ? {} : { rules: stack.anonymous.rules.map((rule) => otherRule(rule, [])) }),
    agent: stack.agents.map(otherAgent),
    ...(stack.runtime === null
      ? {}
      : { runtime: Object.fromEntries(stack.runtime.fields.map(({ name, value }) => [name, otherValue(value)])) }),
  });
}

const folder = fileURLToPath(new URL("../conformance", import.meta.url));
const policies = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".fms") && !file.includes(".imports"),
);

for (const file of policies) {
  test(`${file} decides the same as YAML, as JSON and in the other shape`, () => {
    const text = readFileSync(join(folder, file), "utf8");
    const imports = importsIn(join(folder, file.replace(/fms$/, "imports")));
    const { stack } = compile(text, { file: "governance.fms", imports });
    if (stack === undefined) throw new Error("no tree");
    const expected = deciding(text, "governance.fms", imports);
    assert.ok(expected);
    const forms = {
      "governance.fms.yaml": toYaml(stack),
      "governance.fms.json": toJson(stack),
      "other.json": otherShape(stack),
      // JSON is YAML, and means the same there.
      "other.yaml": otherShape(stack),
    };
    for (const [name, form] of Object.entries(forms)) {
      assert.equal(complaints(form, name, imports), [], `${name}\n${form}`);
      assert.is(deciding(form, name, imports), expected, `${name}\n${form}`);
      const back = toText(compile(form, { file: name, imports }).stack ?? stack);
      assert.is(deciding(back, "governance.fms", imports), expected, `${name} as text\n${back}`);
    }
  });
}

const sample = `# a policy
runtime:
  strict_guards: true
agents:
  support-bot:
    default: deny
    model: on
    vars:
      limit: $500
      label: { text: 48h }
    rules:
      - effect: deny!
        tool: shell/**
        reason: no shells
      - permit search
      - effect: permit
        tool: stripe/refund
        if: amount < limit and args.to != "x" and note != label
        notify: [finance]
    budgets:
      - scope: session
        max: 20
    rate_limit:
      search: 3 per hour
    redactions:
      - tool: stripe/*
        paths: card
    phases:
      audit:
        duration: 48h
        tools: [stripe/payouts]
        rules: [permit stripe/payouts]
`;
const sampleText = `
runtime { strict_guards = true }
agent "support-bot" {
  default deny
  model "on"
  var limit = $500
  var label = "48h"
  deny! shell/** reason "no shells"
  permit search
  permit stripe/refund if amount < limit and args.to != "x" and note != label notify "finance"
  budget session { max = 20 }
  rate_limit search: 3 per hour
  redact stripe/* args: ["card"]
  phase audit { duration = 48h tools = ["stripe/payouts"] rules { permit stripe/payouts } }
}
`;

test("a policy with everything is the same in text and YAML, and rules keep the author's lines", () => {
  assert.equal(complaints(sample, "governance.fms.yaml"), []);
  assert.is(deciding(sample, "governance.fms.yaml"), deciding(sampleText, "governance.fms"));
  const { stack } = compile(sample, { file: "governance.fms.yaml" });
  const lines = stack?.agents[0]?.rules.map(({ span }) => sample.slice(0, span.start).split("\n").length);
  assert.equal(lines, [12, 15, 16]);
});

/** Each bends `sample` at one place; the message is the first error. */
const bent: readonly [what: string, from: string, to: string, message: string][] = [
  ["unknown field of an agent", "    default:", "    defualt:", "6:5 FMS011 unknown field `defualt` in an agent"],
  ["unknown field of a rule", "reason: no", "raison: no", "14:9 FMS011 unknown field `raison` in a rule"],
  ["unknown field of the policy", "agents:", "agnets:", "4:1 FMS011 unknown field `agnets` in a policy"],
  ["unknown field of runtime", "strict_guards", "strict_gards", "3:3 FMS011 unknown field `strict_gards` in runtime"],
  ["unknown field of a budget", "max: 20", "maxx: 20", "22:9 FMS011 unknown field `maxx` in a budget"],
  ["unknown effect", "deny!", "dney", "12:17 FMS012 `effect` cannot be `dney`"],
  ["key given twice", "    model: on", "    default: permit", "7:5 FMS013 the key `default` is given twice"],
  ["two spellings of a key", "        reason:", "        pattern:", "14:9 FMS013 `tool` is given twice"],
  ["condition that does not parse", "amount < limit", "amount < < limit", "18:22 FMS002 expected a value or a name, found `<`"],
  ["condition that ends", ' and note != label', " and", "18:50 FMS002 expected a value or a name, the condition ends"],
  ["unknown function in a condition", "amount < limit", "lenn(amount) < 5", "18:13 FMS020 unknown function `lenn`"],
  ["comment in a condition", "amount < limit and", '"amount < limit // and"\n#', "18:29 FMS002 a comment cannot stand in the condition"],
  ["rule as text", "- permit search", "- permt search", "15:9 FMS002 expected an effect or `deny!`, found `permt`"],
  ["alias", "shell/**", "*", "13:15 FMS010 aliases are not supported in a policy"],
  ["anchor", "    default: deny", "    default: &d deny", "6:14 FMS010 anchors are not supported in a policy"],
  ["tag", "no shells", "!!str no", "14:17 FMS010 tags are not supported in a policy"],
  ["merge key", "    model: on", "    <<: { model: x }", "7:5 FMS010 merge keys are not supported in a policy"],
  ["directive", "# a policy", "%YAML 1.1\n---", "1:1 FMS010 directives are not supported in a policy"],
  ["second document", "    redactions:", "---\n    redactions:", "25:1 FMS002 a second document begins here"],
  ["byte order mark", "# a policy", "\ufeff#", "1:1 FMS001 the file begins with a byte order mark"],
  ["control character", "no shells", "no\u0007", "14:19 FMS001 unexpected character U+0007"],
  ["key that is a number", "  support-bot:", "  123:", "5:3 FMS012 a key is text"],
  ["key that is a map", "  support-bot:", "  ? { a: b }\n  :", "5:5 FMS012 a key is text"],
  ["octal number", "max: 20", "max: 0o20", "22:14 FMS012 `0o20` is not a decimal number"],
  ["number that would be rounded", "max: 20", "max: 9007199254740993", "22:14 FMS012 `9007199254740993` is too large for a number"],
  ["infinity", "max: 20", "max: .inf", "22:14 FMS012 `.inf` is not a decimal number"],
  ["number in quotes", "max: 20", 'max: "20"', "22:15 FMS012 `max` is an amount of money, 0 or more, not text"],
  ["rules that are nothing", "rules: [permit stripe/payouts]", "rules:", "32:9 FMS012 `rules` is a list, not nothing"],
  ["condition that is nothing", "if: amount < limit and args.to != \"x\" and note != label", "if:", "18:9 FMS012 `if` is a condition as text, not nothing"],
  ["several tools in one rule", "tool: shell/**", "tool: [a, b]", "13:15 FMS012 `tool` is text, not a list"],
  ["rule without a tool", "        tool: shell/**\n", "", "12:9 FMS014 a rule lacks `tool`"],
  ["budget without an id", "- scope: session", "- daily: 5", "21:9 FMS014 this budget lacks `id`"],
  ["rate without a window", "3 per hour", "3", "24:15 FMS014 this rate limit lacks its window"],
  ["rate of an unknown window", "3 per hour", "3 per hours", "24:15 FMS012 the window of a rate limit is not a duration"],
  ["duration that is a number", "duration: 48h", "duration: 48", "30:19 FMS012 `duration` is not a duration"],
  ["bad pattern", "- tool: stripe/*", "- tool: stripe//a", "26:15 FMS024 `stripe//a` has an empty segment"],
  ["env in a variable", "limit: $500", "limit: env(\"X\")", "9:14 FMS015 env() cannot be used in a variable"],
  ["block with an unknown field", "    model: on", "    spawn: { max_concurent: 5 }", "7:14 FMS011 unknown field `max_concurent` in `spawn`"],
  ["block with a wrong value", "    model: on", "    spawn: { max_concurrent: $5 }", "7:30 FMS012 `max_concurrent` is a whole number, 0 or more, not money"],
  ["block that is no map", "    model: on", "    session: 5m", "7:14 FMS012 `session` is a map, not text"],
  ["counter of bytes that is money", "    model: on", "    ambient: { max_bytes: $5 }", "7:27 FMS012 `max_bytes` is a size"],
  ["gate that is no map", "    model: on", "    egress: [a]", "7:13 FMS012 `egress` is a map, not a list"],
  ["gate with an unknown list", "    model: on", "    egress: { allows: [a] }", "7:15 FMS011 unknown field `allows` in `egress`"],
  ["gate with a list of lists", "    model: on", "    model_policy: { deny: [[a]] }", "7:28 FMS012 `deny` lists models as text, not a list"],
  ["block of the top level that is refused", "# a policy", "trust: {}", "1:1 FMS014 `trust` says nothing"],
  ["import without its reference", "# a policy", "imports: [{ as: x }]", "1:11 FMS014 this import lacks `import`"],
  ["import that is pinned to nothing", "# a policy", "imports: [h.example/p]", "1:11 FMS030 `h.example/p` has no version"],
  ["pack that is no map", "# a policy", "packs: { p: 1 }", "1:13 FMS012 a pack is a map, not a number"],
  ["pack of unknown fields", "# a policy", "packs: { p: { rule: [] } }", "1:15 FMS011 unknown field `rule` in a pack"],
  ["uses that are a number", "# a policy", 'packs: { p: { params: { x: { required: true } }, uses: 5 } }', "1:56 FMS012 `uses` is text, not a number"],
  ["text that swallows the next line", "      - permit search", "          - permit search", "14:17 FMS002 this text goes on over several lines without quotes"],
  ["tab as indentation", "    default: deny", "\tdefault: deny", "6:1 FMS001 a tab cannot indent YAML"],
  ["wrong indentation", "    model: on", "   model: on", "7:1 FMS002 unexpected indentation"],
  ["quote that is not closed", "no shells", '"no shells', "14:27 FMS003 something is not closed here"],
  ["unknown escape", "no shells", '"\\d"', "14:18 FMS001 unknown escape in double quotes"],
]; // biome-ignore format: a table

for (const [what, from, to, message] of bent) {
  test(`YAML: ${what}`, () => {
    assert.ok(sample.includes(from), from);
    assert.is(
      complaints(
        sample.replace(from, () => to),
        "governance.fms.yaml",
      )[0],
      message,
    );
  });
}

const sampleJson = `{
  "agents": {
    "bot": {
      "default": "deny",
      "rules": [
        { "effect": "permit", "tool": "a", "if": "to == \\"x\\" and amount < 5" }
      ]
    }
  }
}
`;
const bentJson: readonly [what: string, from: string, to: string, message: string][] = [
  ["place behind escapes", "< 5", "<< 5", "6:75 FMS002 expected a value or a name, found `<`"],
  ["comment", '"rules"', '/* */ "rules"', "5:7 FMS002 expected a key in quotes, found `/`"],
  ["comma at the end", "]\n", "],\n", "8:5 FMS002 expected a key in quotes, found `}`"],
  ["key without quotes", '"rules"', "rules", "5:7 FMS002 expected a key in quotes, found `rules`"],
  ["single quotes", '"deny"', "'deny'", "4:18 FMS002 expected a value, found `'`"],
  ["key given twice", '"rules": [', '"default": "permit", "rules": [', "5:7 FMS013 the key `default` is given twice"],
  ["key given twice by an escape", '"rules": [', '"d\\u0065fault": "permit", "rules": [', "5:7 FMS013 the key `default` is given twice"],
  ["leading zero", '"deny"', "007", "4:18 FMS002 expected a value, found `007`"],
  ["NaN", '"deny"', "NaN", "4:18 FMS002 expected a value, found `NaN`"],
  ["number that would be rounded", '"deny"', "9007199254740993", "4:18 FMS012 `9007199254740993` is too large for a number"],
  ["number beyond doubles", '"deny"', "1e999", "4:18 FMS012 `1e999` is too large for a number"],
  ["line end in a text", '"deny"', '"de\nny"', "4:18 FMS003 the text that begins here is not closed on its line"],
  ["unknown escape", '"deny"', '"\\d"', "4:19 FMS001 this character cannot stand in a JSON text"],
  ["prototype as a key", '"default"', '"__proto__"', "4:7 FMS011 unknown field `__proto__` in an agent"],
  ["something behind the end", "\n}\n", "\n}\n{}", "11:1 FMS002 unexpected `{`"],
]; // biome-ignore format: a table

for (const [what, from, to, message] of bentJson) {
  test(`JSON: ${what}`, () => {
    assert.ok(sampleJson.includes(from), from);
    assert.is(
      complaints(
        sampleJson.replace(from, () => to),
        "governance.fms.json",
      )[0],
      message,
    );
  });
}

test("a JSON policy cut off anywhere does not compile", () => {
  assert.ok(deciding(sampleJson, "p.json"));
  const whole = sampleJson.trimEnd();
  for (let end = 0; end < whole.length; end++) assert.is(deciding(whole.slice(0, end), "p.json"), null, String(end));
});

test("F07 a key or an indentation that is off never makes another policy", () => {
  const own = deciding(sample, "p.yaml");
  const lines = sample.split("\n");
  const variants: string[] = [];
  for (const [i, line] of lines.entries()) {
    const put = (changed: string): void => {
      variants.push([...lines.slice(0, i), changed, ...lines.slice(i + 1)].join("\n"));
    };
    for (const spaces of [1, 2, 3, 4]) {
      put(" ".repeat(spaces) + line);
      if (line.startsWith(" ".repeat(spaces))) put(line.slice(spaces));
    }
    put(`\t${line}`);
    const key = /^( *(?:- )?)(effect|tool|if|reason|default|rules|max|strict_guards|paths|duration|tools):/.exec(line);
    if (key === null) continue;
    const [, lead, name] = key as unknown as [string, string, string];
    for (let at = 0; at < name.length; at++) {
      put(line.replace(name, name.slice(0, at) + name.slice(at + 1)));
      put(line.replace(name, `${name.slice(0, at)}x${name.slice(at + 1)}`));
      put(line.replace(name, name.slice(0, at) + (name[at] ?? "").toUpperCase() + name.slice(at + 1)));
    }
    put(line.replace(`${name}:`, name));
    put(line.replace(`${name}:`, `${name} `));
    put(lead + line);
  }
  assert.ok(variants.length > 400);
  const others = variants.filter((variant) => {
    const changed = deciding(variant, "p.yaml");
    return changed !== null && changed !== own;
  });
  assert.equal(others, []);
});

const size = 4 * 1024 * 1024;
const many = (piece: string): string => piece.repeat(Math.floor(size / piece.length));
const hostile: Readonly<Record<string, () => string>> = {
  "bomb of aliases": () => {
    const rows = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
    return ["a0: &a0 [x, x]", ...rows].join("\n");
  },
  "alias of itself": () => "rules: &r [*r]",
  "brackets within brackets": () => many("["),
  "maps within brackets": () => many("{a: "),
  "lists on one line": () => many("- "),
  "keys within keys": () => many("? "),
  stairs: () => Array.from({ length: 2_000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
  "commas": () => many(","),
  "more bytes than allowed": () => `${many("# x\n")}# y`,
}; // biome-ignore format: a table

for (const [what, text] of Object.entries(hostile)) {
  test(`F07 ${what} is refused, as YAML and as JSON`, () => {
    for (const kind of ["yaml", "json"] as const) {
      const { stack, findings } = parseYaml([{ file: `p.${kind}`, text: text() }], kind);
      assert.is(stack, null);
      assert.ok(findings.length > 0 && findings.length <= 50);
    }
  });
}

test("more rules than allowed are refused before they are read", () => {
  const text = `rules:\n${"- permit t\n".repeat(100_001)}`;
  assert.match(complaints(text, "p.yaml")[0] ?? "", /FMS004 the policy has 100001 rules/);
});

test.run();
