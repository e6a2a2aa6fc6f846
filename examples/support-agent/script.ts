// The model's part, fixed: the same calls in the same order in every run, so that the example needs no network and
// only the policy makes a difference.
import { MockLanguageModelV3 } from "ai/test";
import type { supportTools } from "./tools.ts";

interface PlannedCall {
  readonly tool: keyof typeof supportTools;
  readonly args: Readonly<Record<string, string | number>>;
}

export const plannedCalls: readonly PlannedCall[] = [
  { tool: "search_docs", args: { query: "refunds" } },
  { tool: "send_email", args: { to: "ada@example.com", subject: "Your order" } },
  { tool: "send_email", args: { to: "ada@example.com.evil.test", subject: "Your order" } },
  { tool: "charge_card", args: { amount: 40, card: "4242424242424242" } },
  { tool: "stripe/charge", args: { amount: 300, customer: "cus_ada" } },
  { tool: "stripe/charge", args: { amount: 900, customer: "cus_ada" } },
  { tool: "stripe/charge", args: { amount: 200, customer: "cus_bob" } },
  { tool: "stripe/refund", args: { amount: 80, customer: "cus_ada" } },
  { tool: "stripe/payouts", args: { amount: 5000, account: "acct_1" } },
  { tool: "stripe/payouts", args: { amount: 5000, account: "acct_1", reason: "monthly settlement" } },
  { tool: "search_docs", args: { query: "invoices" } },
];

const usage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 },
};

/** A language model that makes one planned call a step and then says that it is done. */
export function scriptedModel(): MockLanguageModelV3 {
  const calls = plannedCalls.map(({ tool, args }, index) => ({
    content: [
      { type: "tool-call" as const, toolCallId: `call-${index + 1}`, toolName: tool, input: JSON.stringify(args) },
    ],
    finishReason: { unified: "tool-calls" as const, raw: undefined },
    usage,
    warnings: [],
  }));
  const end = {
    content: [{ type: "text" as const, text: "Done." }],
    finishReason: { unified: "stop" as const, raw: undefined },
    usage,
    warnings: [],
  };
  return new MockLanguageModelV3({ doGenerate: [...calls, end] });
}
