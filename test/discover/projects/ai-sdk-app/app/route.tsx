import { openai } from "@ai-sdk/openai";
import * as ai from "ai";
import { createDocument, shared } from "@/index";
import { mcpTools } from "./mcp";

export async function POST(request: Request) {
  const result = ai.streamText({
    model: openai("gpt-5"),
    tools: {
      ...shared,
      ...(await mcpTools()),
      createDocument: createDocument({ session: "s" }),
      web: openai.tools.webSearch({}),
      inline: ai.tool({ inputSchema: {} as never }),
    },
  });
  return <div>{String(result)}</div>;
}
