import { generateText, tool } from "ai";
import { governedTools } from "faramesh/sdk";
import { z } from "zod";
import { loadTools } from "./load.ts";
import { governedSupportTools, supportTools } from "./tools.ts";

const tools = governedTools(supportTools, { agentId: "support" });
export const byVariable = (prompt: string) => generateText({ model: "m", prompt, tools });
export const imported = (prompt: string) => generateText({ model: "m", prompt, tools: governedSupportTools });
export const inPlace = (prompt: string) =>
  generateText({
    model: "m",
    prompt,
    tools: governedTools(
      { ...supportTools, weather: tool({ inputSchema: z.object({}), execute: async () => "rain" }) },
      { agentId: "support" },
    ),
  });
export const unknown = (prompt: string) =>
  generateText({ model: "m", prompt, tools: governedTools(loadTools(), { agentId: "support" }) });
