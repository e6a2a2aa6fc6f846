import { tool } from "ai";
import { governedTools as governed } from "faramesh/sdk";
import { z } from "zod";

const refund = tool({ inputSchema: z.object({ amount: z.number() }), execute: async ({ amount }) => amount });

export const supportTools = {
  refund,
  lookUpOrder: tool({ inputSchema: z.object({ id: z.string() }), execute: async ({ id }) => id }),
};
export const governedSupportTools = governed(supportTools, { agentId: "support" });
