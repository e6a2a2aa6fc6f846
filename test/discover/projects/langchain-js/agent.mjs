import { DynamicStructuredTool, DynamicTool, StructuredTool, tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { TavilySearch } from "@langchain/tavily";
import { NAME } from "./names.mjs";

const LOOKUP = `lookup`;
const lookup = tool(async ({ id }) => id, { name: LOOKUP, description: "d" });
const other = tool(async () => 1, { name: NAME });
const templated = tool(async () => 1, { name: `x_${NAME}` });
const options = { name: "from_options", description: "d" };
const opted = tool(() => 1, options);
const structured = new DynamicStructuredTool({ name: "structured", func: async () => "" });
const dynamic = new DynamicTool({ "name": 'dynamic', func: async () => "" });

class Mailer extends StructuredTool {
  name = "send_mail";
  static lc_name() { return "Mailer"; }
}

export const agent = createReactAgent({ llm: null, tools: [lookup, other, templated, opted, structured, dynamic, new Mailer(), new TavilySearch()] });
