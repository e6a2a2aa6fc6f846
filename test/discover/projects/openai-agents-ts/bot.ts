import { Agent, tool, webSearchTool } from "@openai/agents";
import { tool as own } from "./own";

const weather = tool({ name: "get_weather", parameters: {}, execute: async () => "" });
const nameless = tool({ parameters: {}, execute: async () => "" });
const notOne = own({ name: "not_one" });
const helper = new Agent({ name: "helper" });
export const bot = new Agent({ name: "bot", tools: [weather, nameless, webSearchTool(), helper.asTool({ toolName: "ask_helper" })] });
