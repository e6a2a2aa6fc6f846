// What commands write with --format json, on real runs, against the schemas that `faramesh schema` publishes; and that
// standard output then holds nothing else.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../cli/commands.ts";
import { type Schema, schemas, streams } from "../../cli/schemas/index.ts";
import { LyingRegistry, newKey } from "../registry/liar.ts";
import { StackUnderTest } from "../runtime/stack-under-test.ts";
import { farameshAsTyped, farameshWith, inFolder } from "./in-process.ts";

/** The keywords that our schemas use; any other fails the test rather than pass unchecked. */
function faultsOf(value: unknown, schema: Schema, path: string): string[] {
  const faults: string[] = [];
  for (const [keyword, wanted] of Object.entries(schema)) {
    switch (keyword) {
      case "$schema":
      case "title":
      case "format":
      case "required":
        break;
      case "type":
        if (!isOfType(value, String(wanted))) faults.push(`${path} is no ${wanted}: ${JSON.stringify(value)}`);
        break;
      case "enum":
        if (!(wanted as unknown[]).includes(value))
          faults.push(`${path} is none of ${JSON.stringify(wanted)}: ${JSON.stringify(value)}`);
        break;
      case "const":
        if (value !== wanted) faults.push(`${path} is not ${JSON.stringify(wanted)}`);
        break;
      case "pattern":
        if (typeof value === "string" && !new RegExp(String(wanted)).test(value))
          faults.push(`${path} does not match: ${value}`);
        break;
      case "anyOf": {
        const each = (wanted as Schema[]).map((one) => faultsOf(value, one, path));
        if (!each.some((list) => list.length === 0)) faults.push(...(each[0] ?? []));
        break;
      }
      case "items":
        if (Array.isArray(value))
          faults.push(...value.flatMap((item, i) => faultsOf(item, wanted as Schema, `${path}[${i}]`)));
        break;
      case "properties":
      case "additionalProperties":
        if (keyword === "properties" || schema.properties === undefined)
          faults.push(...memberFaults(value, schema, path));
        break;
      default:
        faults.push(`${path}: the test does not know the keyword ${keyword}`);
    }
  }
  return faults;
}

function memberFaults(value: unknown, schema: Schema, path: string): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const properties = (schema.properties ?? {}) as { readonly [name: string]: Schema };
  const missing = ((schema.required ?? []) as string[]).filter((name) => !Object.hasOwn(value, name));
  const faults = missing.map((name) => `${path}.${name} is missing`);
  for (const [name, member] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known !== undefined) faults.push(...faultsOf(member, known, `${path}.${name}`));
    else if (schema.additionalProperties === false) faults.push(`${path}.${name} is not in the schema`);
    else if (typeof schema.additionalProperties === "object") {
      faults.push(...faultsOf(member, schema.additionalProperties as Schema, `${path}.${name}`));
    }
  }
  return faults;
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

test("the check itself finds what is wrong", () => {
  const schema = schemas.rollback ?? {};
  const good = {
    version: "v1",
    from_version: "v2",
    policy_hash: "a".repeat(64),
    image_hash: "b".repeat(64),
    changed: true,
  };
  assert.equal(faultsOf(good, schema, "$"), []);
  assert.equal(faultsOf({ ...good, version: 1 }, schema, "$").length > 0, true);
  assert.equal(faultsOf({ ...good, more: 1 }, schema, "$").length > 0, true);
  assert.equal(faultsOf({ version: "v1" }, schema, "$").length > 0, true);
  assert.equal(faultsOf({ error: { message: "m", exit_code: 1 } }, schema, "$"), []);
});

const policy = `
runtime { mode = "enforce" }
agent "bot" {
  default deny
  permit stripe/charge if amount < $500
  defer stripe/refund
  budget session { max = $1000, cost = amount, tools = ["stripe/charge"] }
  redact stripe/charge args: ["card"]
  credential vaulted { path "a/b" }
  phase "trial" { duration = 1h  tools = ["trial"]  rules { permit trial } }
}
`;

const fixture = JSON.stringify({
  agent_id: "bot",
  cases: [{ name: "small", tool: "stripe/charge", args: { amount: 1 }, expect: { effect: "PERMIT" } }],
});

/** Commands whose result was seen, so that none is left out. */
const seen = new Set<string>();

async function hold(
  dir: string,
  words: readonly string[],
  code = 0,
  isError = false,
): Promise<Record<string, unknown>> {
  const input = words[0] === "auth" ? "a-token-of-a-test\n" : undefined;
  const outcome = await farameshWith(dir, {}, [...words, "--format", "json"], input);
  const name =
    [words.slice(0, 3).join(" "), words.slice(0, 2).join(" "), words[0] ?? ""].find((one) =>
      Object.hasOwn(schemas, one),
    ) ?? "";
  const label = words.join(" ");
  assert.is(outcome.code, code, `${label}: ${outcome.stderr}`);
  const texts = streams.has(name) ? outcome.stdout.trimEnd().split("\n") : [outcome.stdout];
  let last: Record<string, unknown> = {};
  for (const text of texts) {
    last = JSON.parse(text) as Record<string, unknown>;
    assert.equal(faultsOf(last, schemas[name] ?? { missing: name }, "$"), [], label);
    assert.is("error" in last, isError, label);
  }
  seen.add(name);
  return last;
}

test("results of real runs are as published", async () => {
  const stack = new StackUnderTest();
  const { dir } = stack;
  try {
    await hold(dir, ["init", "--non-interactive"]);
    await hold(dir, ["check"]);
    writeFileSync(join(dir, "governance.fms"), policy);
    await hold(dir, ["check"]);
    await hold(dir, ["fmt", "--check"], 1);
    await hold(dir, ["plan"]);
    await hold(dir, ["fmt", "--check"], 1);
    mkdirSync(join(dir, "tests"));
    writeFileSync(join(dir, "tests", "pay.fmtest.json"), fixture);
    await hold(dir, ["test"]);
    await hold(dir, ["test", "generate"]);
    const { listing } = await hold(dir, ["disassemble"]);
    writeFileSync(join(dir, "policy.lst"), String(listing));
    await hold(dir, ["assemble", join(dir, "policy.lst"), "--out", join(dir, "policy.image")]);
    await hold(dir, ["bench", "--iterations", "20"]);
    await hold(dir, ["convert", "--to", "json"]);
    await hold(dir, ["build", "--target", "wasm", "--out", "policy.wasm"]);
    await hold(dir, ["bundle", "--out", "bundle.tar"]);
    await hold(dir, ["status"], 1);
    await stack.start();
    await hold(dir, ["status"], 2);
    await hold(dir, ["apply"]);
    await hold(dir, ["apply"]);
    const run = { request_id: "run-1" };
    const permitted = await stack.ask("stripe/charge", { amount: 300, card: "4242", "\u202e": 1e21 }, run);
    const report = {
      type: "report",
      agent_id: "bot",
      action_id: permitted.action_id,
      status: "success",
      cost_usd: 301,
    };
    await stack.send(report);
    const deferred = await stack.ask("stripe/refund", { amount: 80 });
    const other = await stack.ask("stripe/refund", { amount: 81 });
    await hold(dir, ["status"]);
    const id = deferred.approval_id ?? "";
    for (const words of [["list"], ["pending"], ["history"], ["show", id], ["approve", id, "--reason", "ok"]]) {
      await hold(dir, ["approvals", ...words]);
    }
    await hold(dir, ["test", "record"]);
    await hold(dir, ["plan", "--sample", "2"]);
    await hold(dir, ["learn"]);
    await hold(dir, ["approvals", "deny", other.approval_id ?? ""]);
    await hold(dir, ["approvals", "approve", id], 1, true);
    const grants = ["approvals", "grants"];
    const added = await hold(dir, [
      ...grants,
      "add",
      "bot",
      "stripe/*",
      "--if",
      "amount < 10",
      "--for",
      "1h",
      "--uses",
      "2",
    ]);
    await hold(dir, [...grants, "add", "bot", "search", "--for", "30m"]);
    await hold(dir, grants);
    await hold(dir, ["token", "create", "--agent", "bot", "--for", "1h"]);
    const { created } = await hold(dir, ["token", "create", "--role", "monitor"]);
    await hold(dir, ["token"]);
    await hold(dir, ["token", "list"]);
    await hold(dir, ["token", "revoke", String(Reflect.get(Object(created), "id"))]);
    await hold(dir, ["agent", "show", "bot"]);
    const grantId = String(Reflect.get(Object(added.grant), "id"));
    await hold(dir, [...grants, "revoke", grantId.slice(0, 20), "--reason", "enough"]);
    await hold(dir, [...grants, "revoke", grantId], 1, true);
    await hold(dir, [...grants, "list", "--agent", "bot"]);
    await hold(dir, ["agent", "kill", "bot", "--reason", "loops"]);
    await hold(dir, ["agent", "launch", "bot"], 1, true);
    await hold(dir, ["agent", "runs"]);
    await hold(dir, ["agent", "stop", "--all"]);
    await hold(dir, ["agent", "quiesce", "--all"]);
    await hold(dir, ["status"]);
    await hold(dir, ["agent"]);
    await hold(dir, ["credential"]);
    await hold(dir, ["credential", "preview", "--agent", "bot", "--tool", "stripe/charge"]);
    await hold(dir, ["credential", "probe", "vaulted"], 1);
    await hold(dir, ["agent", "list"]);
    await hold(dir, ["agent", "resume", "bot", "--killed"]);
    await hold(dir, ["agent", "resume", "--all"]);
    await stack.ask("stripe/refund", { amount: 80 });
    await hold(dir, ["audit", "tail", "--no-follow"]);
    const bench = await hold(dir, ["bench", "--iterations", "20"]);
    assert.is(Reflect.get(Object(bench.requests), "source"), "log");
    await hold(dir, ["audit", "ls"]);
    await hold(dir, ["audit", "ls", "--agent", "nobody"]);
    await hold(dir, ["audit", "show", "2"]);
    await hold(dir, ["audit", "verify"]);
    await hold(dir, ["audit", "compact", "--keep", "1h"]);
    await hold(dir, ["audit", "verify", "--from", "2020-01-01T00:00:00Z"]);
    await hold(dir, ["audit", "prove", permitted.action_id, "--out", "permit.tlog-proof"]);
    await hold(dir, ["audit", "verify", "--proof", "permit.tlog-proof"]);
    await hold(dir, ["audit", "export"]);
    await hold(dir, ["audit", "export", "--effect", "deny"]);
    await hold(dir, ["audit", "query", "select time, args, cost_usd, reason from decisions order by seq"]);
    await hold(dir, ["audit", "query", "from marks"]);
    await hold(dir, ["audit", "stats"]);
    await hold(dir, ["audit", "stats", "--until", "1h"]);
    await hold(dir, ["audit", "trace", deferred.action_id]);
    await hold(dir, ["audit", "trace", "nobody"], 1, true);
    await hold(dir, ["audit", "erase", "--before", "2020-01-01"]);
    await hold(dir, ["key", "show"]);
    await hold(dir, ["key", "rotate"]);
    await hold(dir, ["explain", permitted.action_id]);
    await hold(dir, ["explain", "decision", permitted.action_id]);
    await hold(dir, ["explain", "approval", id]);
    await hold(dir, ["explain", "rule", "1"]);
    await hold(dir, ["explain", "run", "run-1"]);
    await hold(dir, ["explain", "run", "run-2"], 1, true);
    await hold(dir, ["explain", "agent", "bot"]);
    await hold(dir, ["explain", "agent", "nobody"], 1, true);
    await hold(dir, ["explain", "action-0"], 1, true);
    writeFileSync(join(dir, "governance.fms"), policy.replace("$500", "$250"));
    const plan = await hold(dir, ["plan"]);
    assert.equal(Reflect.get(Object(plan.replay), "transitions"), {
      permit_to_deny: [{ tool: "stripe/charge", count: 1 }],
    });
    await hold(dir, ["apply"]);
    await hold(dir, ["rollback", "--dry-run"]);
    await hold(dir, ["rollback"]);
    await hold(dir, ["history"]);
    await stack.stop();
    await hold(dir, ["apply", "--stop"]);
    await hold(dir, ["completion", "bash"]);
    await hold(dir, ["selftest"]);
    await hold(dir, ["service", "install"]);
    await hold(dir, ["service", "uninstall"]);
    await holdRegistry(dir);
    await hold(dir, ["destroy", "--yes"]);
  } finally {
    await stack.remove();
  }
  // Streams that end only with their reader, answers in a client's form, and what reads a value: they have tests of their own.
  const others = [
    "approvals watch",
    "dev",
    "schema",
    "audit witness",
    "witness serve",
    "hook",
    "agent run",
    "mcp wrap",
    "audit reveal",
  ];
  const left = Object.keys(schemas).filter((name) => !seen.has(name) && !others.includes(name));
  assert.equal(left, []);
});

async function holdRegistry(dir: string): Promise<void> {
  const key = newKey();
  writeFileSync(join(dir, "publisher.pem"), key.pem);
  mkdirSync(join(dir, "own/policies/pay/1.0.0"), { recursive: true });
  writeFileSync(join(dir, "own/policies/pay/1.0.0/pack.fms"), "# small payments\npermit pay if amount < $5\n");
  const as = ["--as", "packs.example", "--key", "publisher.pem"];
  const signed = ["--as", "packs.example/policies/pay@1.0.0", "--key", "publisher.pem"];
  await hold(dir, ["registry", "sign", "own/policies/pay/1.0.0/pack.fms", ...signed]);
  const { files } = await hold(dir, ["registry", "publish", "own", ...as, "--out", "site"]);
  const server = new LyingRegistry();
  for (const path of files as string[]) server.files.set(path, readFileSync(join(dir, "site", path)));
  const url = ["--url", await server.start()];
  try {
    await hold(dir, ["registry", "list", ...url, "--key", key.text]);
    await hold(dir, ["registry", "search", "small", ...url]);
    await hold(dir, ["registry", "info", "pay", ...url]);
    await hold(dir, ["registry", "info", "none", ...url], 1, true);
    await hold(dir, ["auth", "login", ...url]);
    await hold(dir, ["auth", "whoami"]);
    await hold(dir, ["auth", "logout", ...url]);
  } finally {
    await server.stop();
  }
}

test("failures are JSON too", () =>
  inFolder(async (dir) => {
    for (const words of [
      ["check"],
      ["plan"],
      ["bench"],
      ["apply"],
      ["rollback"],
      ["approvals", "list"],
      ["audit", "verify"],
      ["explain", "x"],
    ]) {
      const { error } = await hold(dir, words, 1, true);
      assert.is(Reflect.get(Object(error), "exit_code"), 1);
    }
  }));

test("every command has a schema, and `schema` prints it", async () => {
  const named = new Set(Object.keys(schemas));
  const all = commands.flatMap(({ paths }) => (paths ?? []).map((path) => path.join(" ")));
  assert.equal(
    all.filter((name) => !named.has(name) && name !== "approvals"),
    [],
  );
  const { stdout, code } = await farameshAsTyped("schema", "approvals", "list");
  assert.is(code, 0);
  assert.equal(JSON.parse(stdout), schemas["approvals list"]);
  assert.is((await farameshAsTyped("schema", "nothing")).code, 1);
  assert.equal((await farameshAsTyped("schema")).stdout.trimEnd().split("\n"), Object.keys(schemas));
});

test.run();
