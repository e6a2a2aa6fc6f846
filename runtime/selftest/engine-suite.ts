// The compiler and the machine of this installation against answers that were written down: the same policy must give the same image,
// the same calls the same verdicts and the same counters, on every platform; and a call as an object the same as one as JSON.
import { createHash } from "node:crypto";
import { compile } from "../../compiler/index.ts";
import { type EvaluationRequest, loadPolicySync } from "../evaluator/index.ts";
import { Findings, type Outcome } from "./suites.ts";

const policy = `agent "desk" {
  default deny
  var limit 250
  permit orders/read
  deny! */drop if confirm != true
  permit refunds/create if amount <= limit and currency in ["EUR", "USD"] reason "small refunds"
  defer refunds/create if amount > 250.5 or note matches "(?i)urgent|now" notify: "finance"
  permit mail/send if to ends_with "@shop.example" and not (subject contains "password")
  permit search if session.count(search, window=1h) < 3
  rate_limit "mail/*": 5 per minute
  budget day { max = $500, cost = amount, tools = ["refunds/*"] }
}`;

/** SHA-256 of the image, of all verdicts as canonical lines, and of the counters afterwards. */
const written = {
  image: "03d341e410108efa5fc65ad1585d973b75a00254edee9f8893cc5a222a5277f5",
  verdicts: "ceefd9073501178dec0a405ce59c315b3db475ee4740c7f11d5217cbc9483234",
  state: "02fe2354451ffc94a3bd0efff5c0cdeece7043c1a5943be2f892d787edabd928",
} as const;

const rounds = 40;
const beginMs = Date.UTC(2026, 0, 5, 9);
const utf8 = new TextEncoder();

function requestsOf(round: number): readonly EvaluationRequest[] {
  const amount = (round * 37.25) % 400;
  const base = { agent_id: round % 11 === 10 ? "nobody" : "desk", session_id: `s${round % 3}` };
  return [
    { ...base, tool_id: "orders/read", args: { id: round } },
    { ...base, tool_id: "orders/drop", args: round % 2 === 0 ? { confirm: true } : {} },
    {
      ...base,
      tool_id: "refunds/create",
      args: { amount, currency: ["EUR", "USD", "JPY"][round % 3] ?? "", note: "Now – please é😀" },
    },
    { ...base, tool_id: "refunds/create", args: { amount: String(amount), currency: "EUR" } },
    {
      ...base,
      tool_id: "mail/send",
      args: { to: `a${round}@shop.example`, subject: round % 4 === 0 ? "your password" : "hello" },
    },
    { ...base, tool_id: "search", args: { query: null } },
  ];
}

const hex = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

export function engineSuite(): Outcome {
  const findings = new Findings();
  const { image } = compile(policy, { file: "governance.fms" });
  if (image === undefined) return { runs: 0, findings: ["the compiler refuses a right policy"], told: "" };
  const [byObject, byJson] = [
    loadPolicySync(image, { state: "volatile" }),
    loadPolicySync(image, { state: "volatile" }),
  ];
  const lines: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const request of requestsOf(round)) {
      const now = beginMs + round * 20_000;
      const told = JSON.stringify(byObject.decide(request, { now }));
      if (told !== JSON.stringify(byJson.decideJson(utf8.encode(JSON.stringify(request)), { now })))
        findings.add(`a call of ${request.tool_id} is judged differently as an object and as JSON`);
      lines.push(told);
    }
  }
  if (byObject.stateHash() !== byJson.stateHash())
    findings.add("the counters differ after calls as objects and as JSON");
  const found = { image: hex(image), verdicts: hex(lines.join("\n")), state: byObject.stateHash() };
  for (const name of ["image", "verdicts", "state"] as const) {
    if (found[name] !== written[name]) findings.add(`the ${name} is ${found[name]}, and should be ${written[name]}`);
  }
  return { runs: lines.length, findings: findings.list, told: "image, verdicts and counters as written down" };
}
