// The workload "payments" as a person would write it by hand: the parsed object in, one of a few frozen answers out. It
// checks kinds where a wrong kind would let a call through, and nothing else that the evaluator checks.
import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import type { Answer } from "../timing.ts";

const byDefault: Answer = Object.freeze({ effect: "deny", rule: null });
const effects = [
  "deny",
  "permit",
  "defer",
  "deny",
  "permit",
  "defer",
  "permit",
  "defer",
  "permit",
  "permit",
  "deny",
] as const;
const rules: readonly Answer[] = effects.map((effect, rule) => Object.freeze({ effect, rule }));
const [shell, charge, chargeLarge, chargeNever, refund, refundLarge, mail, mailCustomers, crm, ledger, ledgerNever] =
  rules as [Answer, Answer, Answer, Answer, Answer, Answer, Answer, Answer, Answer, Answer, Answer];

const currencies = new Set<unknown>(["usd", "eur", "gbp"]);
const ownAddress = /^[a-z0-9._-]+@(example|example-shop)\.com$/;

export function decide(request: EvaluationRequest): Answer {
  const tool = request.tool_id;
  const args = request.args;
  if (request.agent_id !== "payments-bot" || args === undefined) return byDefault;
  switch (tool) {
    case "stripe/charge":
      if (typeof args.amount !== "number") return chargeNever;
      if (args.amount <= 500 && currencies.has(args.currency)) return charge;
      return args.amount <= 5000 ? chargeLarge : chargeNever;
    case "stripe/refund":
      return typeof args.amount === "number" && args.amount < 100 && args.cause === "duplicate" ? refund : refundLarge;
    case "mail/send":
      if (typeof args.to === "string" && ownAddress.test(args.to) && args.kind !== "promotion") return mail;
      return args.audience === "customers" ? mailCustomers : byDefault;
    case "crm/read":
      return (args.region === "eu" || args.region === "us") && args.table !== "cards" ? crm : byDefault;
    case "ledger/post":
      if (typeof args.account !== "string" || typeof args.debit !== "number") return ledgerNever;
      return args.account.startsWith("acc_") && args.debit <= 10000 ? ledger : ledgerNever;
  }
  if (tool.startsWith("shell/")) return shell;
  return tool.startsWith("ledger/") && !tool.includes("/", 7) ? ledgerNever : byDefault;
}
