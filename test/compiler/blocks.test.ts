// Blocks of named entries: what compiles, what is refused and with which words, what the image keeps of them, and that
// all three forms mean the same.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { toText } from "../../compiler/format/print.ts";
import { format } from "../../compiler/format.ts";
import { compile } from "../../compiler/index.ts";
import { toJson, toYaml } from "../../compiler/yaml/print.ts";
import { ImageReader } from "../../runtime/evaluator/image.ts";
import { readHost } from "../../runtime/evaluator/image-host.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";

const key = `ed25519:${"A".repeat(43)}=`;

/** Each compiles without an error; `host` is what the image keeps of the block, warnings are listed. */
const good: readonly { text: string; fields?: unknown; name?: string | null; warnings?: string[] }[] = [
  { text: 'provider "vault" { type = "vault"; addr = env("VAULT_ADDR"); token = env("T"); mount = "kv/data/p" namespace = "p" }', name: "vault", fields: { type: "vault", addr: { env: "VAULT_ADDR" }, token: { env: "T" }, mount: "kv/data/p", namespace: "p" } },
  { text: 'provider prices { type prices, refresh 1h, regions ["eu" "us"], strict true, retries 3 }'.replace('"eu" "us"', '"eu", "us"'), fields: { type: "prices", refresh: 3600, regions: ["eu", "us"], strict: true, retries: 3 } },
  { text: 'identity "spire-default" { type = "spiffe" socket = "/run/spire/agent.sock" trust_domain = "corp.example" }', fields: { type: "spiffe", socket: "/run/spire/agent.sock", trust_domain: "corp.example" } },
  { text: `trust { key "registry.example" ${key} spiffe_federated "p.example" bundle_url = "https://p.example/bundle" delegation "a" "b" inbound ["c"] }`, name: null, fields: { key: [["registry.example", key]], spiffe_federated: ["p.example"], bundle_url: ["https://p.example/bundle"], delegation: ["a", "b"], inbound: ["c"] } },
  { text: "system main { version 1, on_policy_load_failure deny, kill_switch_default off, max_output_bytes 1mb }", fields: { version: 1, on_policy_load_failure: "deny", kill_switch_default: "off", max_output_bytes: 1_048_576 } },
  { text: "manifest orchestrator a undeclared defer", name: "orchestrator", fields: { orchestrator: "a", undeclared: "defer" } },
  { text: "manifest grant a to b max 5 approval\nagent b { default deny }", name: "grant", fields: { grant: "a", to: "b", max: 5, approval: true } },
  { text: "agent x { default deny permit stripe/refund credential stripe { backend vault path secret/data/stripe/live ttl 15m } }", name: "stripe", fields: { backend: "vault", path: "secret/data/stripe/live", ttl: 900 } },
  { text: 'agent x { default deny permit stripe/refund credential stripe { scope "refund" "charge" max_scope = ["refund"] } }', fields: { scope: ["refund", "charge"], max_scope: ["refund"] } },
  { text: "agent x { default deny permit stripe/refund credential stripe { scope refund charge\nttl 1h } }", fields: { scope: ["refund", "charge"], ttl: 3600 } },
  { text: 'agent x { default deny permit a if account.tier == "gold" selector account { source "https://i.example/a" cache 30s on_unavailable deny on_timeout defer } }', name: "account", fields: { source: "https://i.example/a", cache: 30, on_unavailable: "deny", on_timeout: "defer" } },
  { text: "agent x { default deny delegate b { scope a/*, ttl 1h, ceiling $5 } }\nagent b { default deny }", name: "b", fields: { scope: ["a/*"], ttl: 3600, ceiling: 5 } },
  { text: "agent x { default deny delegate { to b, ceiling inherited, inherits true } }\nagent b { default deny }", name: "b", fields: { ceiling: "inherited", inherits: [true] } },
  { text: "agent x { default deny delegate elsewhere { ttl 1h } }", name: "elsewhere", warnings: ["FMS060"] },
  { text: "agent x { default deny ambient { max_customers_per_day 1000 max_calls_per_day 5000 max_cost_per_hour $20 on_exceed defer } }", fields: { max_customers_per_day: 1000, max_calls_per_day: 5000, max_cost_per_hour: 20, on_exceed: "defer" } , warnings: ["FMS062"] },
  { text: 'agent x { default deny completion_gate { require "no_pending_approvals" require "effect:permit" "min_records:3" } completion_gate { require "search/docs" } }', name: null, fields: { require: ["no_pending_approvals", "effect:permit", "min_records:3"] } },
  { text: "agent x { default deny spawn { max_concurrent 3 allow [b] } }\nagent b { default deny }", fields: { max_concurrent: 3, allowed_types: ["b"] } },
  { text: "agent x { default deny ambient { max_data_volume 10mb max_bytes_per_hour 500 max_output = 1kb } }", fields: { max_data_volume: 10_485_760, max_bytes_per_hour: 500, max_output: 1024 } },
  { text: "agent x { default deny permit crm/* if args.customer != nil ambient { max_customers 5 } }", fields: { max_customers: 5 } },
  { text: 'agent x { default deny session { max_duration = 8h idle_timeout = "30m" } }', fields: { max_duration: 28_800, idle_timeout: 1800 } },
  { text: 'agent x { default deny alert { on = "deny" notify = "slack://#sec-alerts" } }', fields: { on: ["deny"], notify: ["slack://#sec-alerts"] } },
  { text: 'agent x { default deny alert { on: [deny, defer] notify env("HOOK") } alert { on budget_warning approved; notify ops } }', fields: { on: ["deny", "defer"], notify: [{ env: "HOOK" }] } },
  { text: 'agent x { default deny enforcement { os_tier = true isolation = "firecracker" } }', fields: { os_tier: true, isolation: "firecracker" } },
]; // biome-ignore format: a table

function compiled(text: string, file = "governance.fms") {
  const { image, diagnostics, stack } = compile(text, { file });
  const said = diagnostics.map(
    ({ severity, code, message, line, column }) => `${severity} ${code} ${line}:${column} ${message}`,
  );
  return { image, stack, said };
}

function formatted(text: string): string {
  const result = format(text);
  if ("findings" in result) throw new Error("no text");
  const again = format(result.text);
  assert.is("findings" in again ? "" : again.text, result.text);
  return result.text;
}

for (const { text, fields, name, warnings = [] } of good) {
  test(`compiles: ${text}`, () => {
    const whole = /^agent /.test(text) ? text : `agent a { default deny permit t }\n${text}`;
    const { image, stack, said } = compiled(whole);
    assert.equal(
      said.map((line) => line.split(" ")[1]),
      warnings,
      said.join("\n"),
    );
    if (warnings.includes("FMS010")) return assert.is(image, undefined);
    if (image === undefined || stack === undefined) throw new Error("no image");
    assert.equal(
      compiled(formatted(whole)).said.map((line) => line.split(" ")[1]),
      warnings,
    );
    const [block] = readHost(new ImageReader(image)).blocks ?? [];
    if (fields !== undefined) assert.equal(block?.fields, fields);
    if (name !== undefined) assert.is(block?.name, name);
    const hash = loadPolicySync(image, { state: "volatile" }).info.policy_hash;
    const forms = {
      "governance.fms.yaml": toYaml(stack),
      "governance.fms.json": toJson(stack),
      "governance.fms": toText(stack),
    };
    for (const [file, form] of Object.entries(forms)) {
      const other = compiled(form, file);
      assert.ok(other.image, `${form}\n${other.said.join("\n")}`);
      assert.is(loadPolicySync(other.image as Uint8Array, { state: "volatile" }).info.policy_hash, hash, form);
    }
  });
}

/** In an agent, or at the top level where it begins with a keyword of that; what is said of it. */
const bad: readonly (readonly [text: string, ...said: string[]])[] = [
  ["provider v { addr = x }", "FMS014 provider `v` lacks `type`"],
  ["provider v { tpye = x }", "FMS014 provider `v` lacks `type`"],
  ["provider v { type = x } provider v { type = y }", "FMS013 the provider `v` is declared twice"],
  ['provider v { type = x token = "s3cret" }', "FMS016 `token` of provider `v` is written in clear"],
  ["provider v { type = x type = y }", "FMS013 `type` of provider `v` is declared twice"],
  ["provider v { type = 5 }", "FMS012 `type` is text, not a number"],
  ["identity i { }", "FMS014 identity `i` lacks `type`"],
  ["trust { }", "FMS014 `trust` says nothing"],
  ['trust { key "r" ed25519:A//b= }', "FMS061 this is no public key, and verifies nothing"],
  ['trust { spiffe_federated "d" }', "FMS014 `spiffe_federated` lacks its `bundle_url`"],
  ['trust { bundle_url "u" }', "FMS014 `bundle_url` stands behind no `spiffe_federated`"],
  ['trust { delegate "u" }', "FMS011 unknown field `delegate` in `trust`"],
  ["system s { max_outputbytes 1 }", "FMS011 unknown field `max_outputbytes` in system `s`"],
  ["system s { version 1 } system t { version 2 }", "FMS013 `system` is declared twice"],
  ["manifest orchestrator a undeclared permit", "FMS012 `undeclared` cannot be `permit`"],
  ["manifest orchestrator nobody undeclared deny", "FMS060 this policy declares no agent `nobody`"],
  ["manifest grant a to a max 0", "FMS012 a grant of 0 grants nothing"],
  ["manifest grant a to a max 1.5", "FMS012 `max` is a whole number, 0 or more, not a number"],
  ["manifest grant a to a max 1 manifest grant a to a max 2", "FMS013 this grant is declared twice"],
  ["credential c { bakend vault }", "FMS057 the credential `c` covers no tool that a rule permits", "FMS011 unknown field `bakend` in credential `c`"],
  ["credential t { ttl 0s }", "FMS012 `ttl` is a duration above 0, not a duration"],
  ["credential t { scope [] }", "FMS012 `scope` is an empty list"],
  ["credential t { ttl 5 }", "FMS012 `ttl` is a duration above 0, not a number"],
  ["selector s { source x }", "FMS052 the selector `s` is not used"],
  ["selector s { } permit u if s", "FMS014 selector `s` lacks `source`"],
  ["selector s { source x on_unavailable allow } permit u if s", "FMS012 `on_unavailable` cannot be `allow`"],
  ['selector s { source env("X") } permit u if s', "FMS015 env() cannot be used in `selector`"],
  ["var s = 1 selector s { source x } permit u if s == 1", "FMS013 `s` is a variable and a selector"],
  ["permit u if selectors.acount.x == 1 or account.y selector account { source x }", "FMS021 unknown name `selectors.acount.x`"],
  ["delegate { ttl 1h }", "FMS014 this delegation lacks its target"],
  ["delegate a { ttl 1h }", "FMS012 an agent cannot delegate to itself"],
  ["delegate other-agent { to other-agent }", "FMS013 the target of this delegation is declared twice", "FMS060 this policy declares no agent `other-agent`"],
  ["delegate b { ceiling inherit }", "FMS060 this policy declares no agent `b`", "FMS012 `ceiling` cannot be `inherit`"],
  ["ambient { }", "FMS014 `ambient` says nothing"],
  ["ambient { max_calls 5 on_exceed allow }", "FMS012 `on_exceed` cannot be `allow`"],
  ["ambient { calls 5 }", "FMS011 unknown field `calls` in `ambient`"],
  ["ambient { max_calls 5 } ambient { max_calls 6 }", "FMS013 `ambient` is declared twice"],
  ["ambient { max_data_volume $10 }", "FMS012 `max_data_volume` is a size"],
  ["ambient { max_bytes 1.5 }", "FMS012 `max_bytes` is a size"],
  ["ambient { max_customers 10mb }", "FMS012 `max_customers` is a number of customers"],
  ["ambient { max_customers $3 }", "FMS012 `max_customers` is a number of customers"],
  ["ambient { max_calls_per_fortnight 5 }", "FMS011 `max_calls_per_fortnight` counts over a time that is none"],
  ["ambient { max_calls 1.5 }", "FMS012 `max_calls` is a number of calls"],
  ["ambient { max_calls -1 }", "FMS012 `max_calls` is a whole number, 0 or more or an amount, 0 or more or a size, not a number"],
  ['completion_gate { require "no_pending_approval" }', "FMS012 there is no requirement `no_pending_approval`"],
  ['completion_gate { require "effect:allow" }', "FMS012 `allow` is no effect"],
  ['completion_gate { require "min_records:0" }', "FMS012 `0` is no number of records"],
  ["completion_gate { }", "FMS014 `completion_gate` says nothing"],
  ["spawn { max_concurrent $3 }", "FMS012 `max_concurrent` is a whole number, 0 or more, not money"],
  ["session { max_duration 5 }", "FMS012 `max_duration` is a duration"],
  ["session { timeout 5m }", "FMS011 `session` has no field `timeout`"],
  ["alert { on deny }", "FMS014 `alert` lacks `notify`"],
  ['alert { on "denied" notify x }', "FMS012 `on` cannot be `denied`"],
  ["enforcement { os_tier nil }", "FMS012 `os_tier` is a single value, not nil"],
  ['rate_limit "tt": 3 per hour permit ttt/x', "FMS058 this rate limit is for `tt`, which no rule mentions"],
]; // biome-ignore format: a table

for (const [text, ...expected] of bad) {
  test(`is refused or warned of: ${text}`, () => {
    const atTop = /^(?:provider|identity|trust|system|manifest) /.test(text);
    const whole = atTop ? `agent a { default deny permit t }\n${text}` : `agent a { default deny permit t\n${text} }`;
    const said = compiled(whole).said.map((line) => line.replace(/^\w+ (FMS\d+) \S+ /, "$1 "));
    assert.equal([...said].sort(), [...expected].sort());
  });
}

test("F11 a secret's name alone reaches the image, and never its value", () => {
  const text = 'provider v { type = vault token = env("VAULT_TOKEN") }\npermit t';
  const { image } = compiled(text);
  const bytes = Buffer.from(image ?? []).toString("latin1");
  assert.match(bytes, "VAULT_TOKEN");
  assert.equal(readHost(new ImageReader(image as Uint8Array)).blocks?.[0]?.fields.token, { env: "VAULT_TOKEN" });
});

test.run();
