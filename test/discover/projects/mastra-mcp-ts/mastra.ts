import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
export const weatherTool = createTool({ id: "get-weather", description: "d" });
export const agent = new Agent({ name: "a", tools: { weatherTool } });
