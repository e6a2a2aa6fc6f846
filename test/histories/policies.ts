// Policies that a life goes through: one shape whose bounds, rules, mode and blocks differ from version to version.
import type { Random } from "../generate/random.ts";

export function policyOf(random: Random): string {
  const limit = random.pick([3, 20, 300]);
  const mode = random.oneIn(6) ? `runtime { mode = "audit" }\n` : "";
  const optional = (line: string): string => (random.oneIn(2) ? `  ${line}\n` : "");
  return `${mode}agent "bot" {
  default ${random.pick(["deny", "defer"])}
${optional(`deny! search if query contains "secret"`)}${optional("session { max_duration = 30d idle_timeout = 2h }")}  permit search
  permit pay if amount < ${random.pick([50, 100, 500])}
${optional("defer pay if session.sum(pay.amount) + amount > 700")}  permit card/charge if card.kind == "visa"
  defer refund if amount > ${random.pick([1, 10])}
${optional("permit refund")}  ${random.pick(["defer", "permit", "deny"])} ask
${optional(`permit note if history_tool_count("search") >= 1`)}${optional("phase intake { permit read }\n  phase work { permit write }")}  rate_limit "search": ${limit} per hour
  budget spend { max = $${random.pick([100, 1500])} tools = ["pay"] cost = amount on_exceed = "${random.pick(["deny", "defer"])}" warn_at = 0.5 }
${optional(`budget runs { max_calls = 4 tools = ["note", "ask"] window = "1d" }`)}  redact card/charge args: ["card.${random.pick(["number", "kind"])}"]
${optional(`redact pay args: ["card"]`)}}
agent "clerk" {
  default deny
  permit read
  permit search if query != ""
}`;
}
