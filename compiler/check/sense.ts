// What blocks say together with the rest of the policy: agents that exist, tools that rules name, keys that are keys,
// secrets that are not written out. The kinds of their fields are check/block.ts's.
import type { Agent, Block, BlockEntry, Span, Stack, Value } from "../ast.ts";
import { blocksOf, fieldOf } from "../blocks.ts";
import { coveredTools } from "../credential.ts";
import { suggest } from "../suggest.ts";
import { placeOf } from "./block.ts";
import { overlap } from "./overlap.ts";
import { checkPattern } from "./pattern.ts";
import { type Report, textOf } from "./report.ts";

export function checkStackSense(report: Report, stack: Stack): void {
  for (const block of [...stack.blocks, ...stack.agents.flatMap((agent) => agent.blocks)]) checkSecrets(report, block);
  for (const trust of blocksOf(stack, "trust")) checkKeys(report, trust);
  checkManifest(report, stack);
  for (const agent of stack.agents) {
    const others = stack.agents.flatMap(({ id }) => (id === agent.id ? [] : [id]));
    for (const block of blocksOf(agent, "delegate")) checkDelegate(report, agent, block, others);
    for (const { value, text } of textsOf(blocksOf(agent, "spawn"), "allowed_types"))
      checkAgentName(report, text, value.span, others);
    for (const { value, text } of textsOf(blocksOf(agent, "completion_gate"), "require"))
      checkRequirement(report, text, value.span);
    checkCredentials(report, agent);
  }
}

/** Values of a field, over all the blocks and lists. */
function textsOf(blocks: readonly Block[], name: string): { value: Value; text: string }[] {
  return blocks.flatMap((block) =>
    block.entries
      .filter((entry) => fieldOf(block.keyword, entry.name)?.name === name)
      .flatMap((entry) => entry.values.flatMap((value) => (value.kind === "list" ? value.items : [value])))
      .flatMap((value) => {
        const text = textOf(value);
        return text === null ? [] : [{ value, text }];
      }),
  );
}

function entryOf(block: Block, name: string): BlockEntry | undefined {
  return block.entries.find((entry) => fieldOf(block.keyword, entry.name)?.name === name);
}

const secretName = /(?:^|_)(?:token|secret|password|passwd|secret_id|api_key|access_key|private_key|secret_key)$/;

function checkSecrets(report: Report, block: Block): void {
  for (const { name, values } of block.entries) {
    const written = values.find((value) => textOf(value) !== null);
    if (!secretName.test(name) || written === undefined) continue;
    report.add("FMS016", `\`${name}\` of ${placeOf(block)} is written in clear`, written.span, {
      help: `write ${name} = env("${name.toUpperCase()}"): a policy and its image are kept and shown`,
    });
  }
}

/** The 32 bytes alone, or behind the twelve that say what they are (SubjectPublicKeyInfo, RFC 8410). */
const publicKey = /^ed25519:(?:MCowBQYDK2VwAyEA)?[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

function checkKeys(report: Report, trust: Block): void {
  for (const { name, values } of trust.entries) {
    const key = values[1];
    const text = key === undefined ? null : textOf(key);
    if (name !== "key" || key === undefined || text === null || publicKey.test(text)) continue;
    report.add("FMS061", "this is no public key, and verifies nothing", key.span, {
      help: "write ed25519: and the 32 bytes of the key in base64, 44 characters",
    });
  }
}

function checkManifest(report: Report, stack: Stack): void {
  const statements = blocksOf(stack, "manifest");
  const agents = stack.agents.map(({ id }) => id);
  const keyOf = ({ entries }: Block): string =>
    JSON.stringify(
      entries
        .slice(0, 2)
        .map(({ name, values: [value] }) => [name, name === "undeclared" ? "" : value && textOf(value)]),
    );
  report.twice(
    statements,
    keyOf,
    (block) => block.keywordSpan,
    ({ name }) => `this ${name === "grant" ? "grant" : "orchestrator"}`,
  );
  for (const block of statements) {
    for (const name of ["orchestrator", "grant", "to"]) {
      const value = entryOf(block, name)?.values[0];
      if (value !== undefined) checkAgentName(report, textOf(value) ?? "", value.span, agents);
    }
    const max = entryOf(block, "max")?.values[0];
    if (max?.kind === "number" && max.value === 0)
      report.add("FMS012", "a grant of 0 grants nothing", max.span, { help: "write a number from 1, or remove it" });
  }
}

/** Agents may live in another stack, so one that is not declared here is only worth a warning. */
function checkAgentName(report: Report, name: string, span: Span, agents: readonly string[]): void {
  if (agents.includes(name) || /[*?]/.test(name)) return;
  const near = suggest(name, agents);
  report.add("FMS060", `this policy declares no agent \`${name}\``, span, {
    help: near === null ? "is its name right, and is it governed elsewhere?" : `did you mean \`${near}\`?`,
  });
}

function checkDelegate(report: Report, agent: Agent, block: Block, others: readonly string[]): void {
  const named = entryOf(block, "target_agent");
  const value = named?.values[0];
  if (block.name !== null && named !== undefined) {
    report.add("FMS013", "the target of this delegation is declared twice", named.nameSpan, {
      help: "remove one of them",
      related: [{ message: "first declared here", span: block.nameSpan }],
    });
  }
  if (block.name === null && named === undefined) {
    report.add("FMS014", "this delegation lacks its target", block.keywordSpan, {
      help: 'write delegate worker { scope = ["search/*"] }',
    });
  }
  const target = block.name ?? (value === undefined ? null : textOf(value));
  const span = value?.span ?? block.nameSpan;
  if (target === agent.id) {
    report.add("FMS012", "an agent cannot delegate to itself", span, { help: "name another agent" });
  } else if (target !== null && target !== "") checkAgentName(report, target, span, others);
  const ceiling = entryOf(block, "ceiling")?.values[0];
  const limit = ceiling === undefined ? null : textOf(ceiling);
  if (limit !== null && ceiling !== undefined && !["inherited", "approval"].includes(limit)) {
    const near = suggest(limit, ["inherited", "approval"]);
    report.add("FMS012", `\`ceiling\` cannot be \`${limit}\``, ceiling.span, {
      help: near === null ? "write an amount, `inherited` or `approval`" : `did you mean \`${near}\`?`,
    });
  }
  for (const scope of textsOf([block], "scope")) checkPattern(report, { text: scope.text, span: scope.value.span });
}

const requirements = ["no_pending_approvals", "budget_under_limit", "no_uncommitted_writes"];
const effectWords = ["permit", "deny", "defer"];

/** A known requirement, or a tool that must have been permitted. */
function checkRequirement(report: Report, text: string, span: Span): void {
  const [, word, rest = ""] = /^(effect|min_records):(.*)$/.exec(text) ?? [];
  if (word === "effect" && !effectWords.includes(rest)) {
    report.add("FMS012", `\`${rest}\` is no effect`, span, {
      help: "write effect:permit, effect:deny or effect:defer",
    });
  } else if (word === "min_records" && !/^[1-9][0-9]{0,8}$/.test(rest)) {
    report.add("FMS012", `\`${rest}\` is no number of records`, span, { help: "write min_records:1 or more" });
  } else if (word === undefined && !requirements.includes(text)) {
    const near = suggest(text, requirements);
    if (near === null) checkPattern(report, { text, span });
    else report.add("FMS012", `there is no requirement \`${text}\``, span, { help: `did you mean \`${near}\`?` });
  }
}

function checkCredentials(report: Report, agent: Agent): void {
  const rules = [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)];
  const open = agent.default !== null && agent.default.effect !== "deny";
  for (const block of blocksOf(agent, "credential")) {
    const scope = textsOf([block], "scope").map(({ text }) => text);
    const covered = coveredTools(block.name ?? "", scope);
    const isUsed = rules.some(
      ({ effect, pattern }) =>
        (effect === "permit" || effect === "defer") && covered.some((tool) => overlap(tool, pattern.text)),
    );
    if (isUsed || open) continue;
    const tools = covered.map((tool) => `\`${tool}\``).join(", ");
    report.add("FMS057", `the credential \`${block.name}\` covers no tool that a rule permits`, block.nameSpan, {
      help: `it covers ${tools}; name the tools in \`scope\``,
    });
  }
}
