// The eleven rules of the workload "payments" for CASL, in the order of policy.fms.
import type { CaslRule } from "../peers/casl.ts";

export const caslRules: readonly CaslRule[] = [
  { effect: "deny", tools: ["shell/exec"] },
  {
    effect: "permit",
    tools: ["stripe/charge"],
    conditions: { amount: { $lte: 500 }, currency: { $in: ["usd", "eur", "gbp"] } },
  },
  { effect: "defer", tools: ["stripe/charge"], conditions: { amount: { $lte: 5000 } } },
  { effect: "deny", tools: ["stripe/charge"] },
  { effect: "permit", tools: ["stripe/refund"], conditions: { amount: { $lt: 100 }, cause: "duplicate" } },
  { effect: "defer", tools: ["stripe/refund"] },
  {
    effect: "permit",
    tools: ["mail/send"],
    conditions: { to: { $regex: /^[a-z0-9._-]+@(example|example-shop)\.com$/ }, kind: { $ne: "promotion" } },
  },
  { effect: "defer", tools: ["mail/send"], conditions: { audience: "customers" } },
  { effect: "permit", tools: ["crm/read"], conditions: { region: { $in: ["eu", "us"] }, table: { $ne: "cards" } } },
  { effect: "permit", tools: ["ledger/post"], conditions: { account: { $regex: /^acc_/ }, debit: { $lte: 10000 } } },
  { effect: "deny", tools: ["ledger/post", "ledger/read"] },
];
