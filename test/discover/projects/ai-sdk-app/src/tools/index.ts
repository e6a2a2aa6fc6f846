import { dynamicTool, tool as make } from "ai";
import { z } from "zod";

export const search = make({ description: "d", inputSchema: z.object({ q: z.string() }), execute: async () => 1 });
const internalName = make({ description: "named by its key elsewhere", inputSchema: z.object({}) });
export const createDocument = ({ session }: { session: string }) => make({ description: session, inputSchema: z.object({}) });
// export const gone = make({});
const key = "computed" + Date.now();
export const toolset = {
  search,
  "stripe/refund": make({ inputSchema: z.object({}) }),
  ["x" + key]: make({ inputSchema: z.object({}) }),
  dyn: dynamicTool({ inputSchema: z.object({}), execute: async () => 1 }),
  renamed: internalName,
} satisfies Record<string, unknown>;
export const lonely = make({ inputSchema: z.object({}) });
const schema = (y: typeof z) => y.object({ tools: y.any() });
const text = `tools: { inside: tool({}) }`;
export default text;
