// What the support agent can do. Each tool leaves one line in effects.jsonl when it really runs, so that anybody can
// see afterwards what happened and what did not.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { tool } from "ai";
import { z } from "zod";

/** The folder of effects.jsonl: SUPPORT_AGENT_DIR, else the working directory. */
const folder = process.env.SUPPORT_AGENT_DIR ?? ".";

function effect(name: string, args: Record<string, unknown>): void {
  appendFileSync(join(folder, "effects.jsonl"), `${JSON.stringify({ tool: name, args })}\n`);
}

export const supportTools = {
  search_docs: tool({
    description: "Search the help pages.",
    inputSchema: z.object({ query: z.string() }),
    execute: async ({ query }) => {
      effect("search_docs", { query });
      return `2 pages about ${query}`;
    },
  }),
  send_email: tool({
    description: "Send an e-mail.",
    inputSchema: z.object({ to: z.string(), subject: z.string() }),
    execute: async ({ to, subject }) => {
      effect("send_email", { to, subject });
      return `sent to ${to}`;
    },
  }),
  charge_card: tool({
    description: "Charge a card.",
    inputSchema: z.object({ amount: z.number(), card: z.string() }),
    execute: async ({ amount }) => {
      effect("charge_card", { amount });
      return `charged $${amount}`;
    },
  }),
  "stripe/charge": tool({
    description: "Charge a customer.",
    inputSchema: z.object({ amount: z.number(), customer: z.string() }),
    execute: async ({ amount, customer }) => {
      effect("stripe/charge", { amount, customer });
      return `charged ${customer} $${amount}`;
    },
  }),
  "stripe/refund": tool({
    description: "Refund a customer.",
    inputSchema: z.object({ amount: z.number(), customer: z.string() }),
    execute: async ({ amount, customer }) => {
      effect("stripe/refund", { amount, customer });
      return `refunded ${customer} $${amount}`;
    },
  }),
  "stripe/payouts": tool({
    description: "Pay out to a bank account.",
    inputSchema: z.object({ amount: z.number(), account: z.string(), reason: z.string().optional() }),
    execute: async ({ amount, account }) => {
      effect("stripe/payouts", { amount, account });
      return `paid out $${amount}`;
    },
  }),
};
