// Which installed packages belong to which agent framework. The one table; the first framework in it that a project uses
// is the one reported, so the more specific stand above what they build on.

export type Language = "python" | "javascript";

export interface FrameworkPackages {
  framework: string;
  /** Import paths; an entry covers everything below it (`.` in Python, `/` in JavaScript). */
  python: readonly string[];
  javascript: readonly string[];
  /** Names in dependency files where they differ from the import path. */
  distributions: readonly string[];
}

export const FRAMEWORKS: readonly FrameworkPackages[] = [
  {
    framework: "langgraph",
    python: ["langgraph", "langgraph_supervisor", "langgraph_swarm"],
    javascript: ["@langchain/langgraph"],
    distributions: ["langgraph"],
  },
  {
    framework: "crewai",
    python: ["crewai", "crewai_tools"],
    javascript: [],
    distributions: ["crewai", "crewai-tools"],
  },
  {
    framework: "openai-agents",
    python: ["agents"],
    javascript: ["@openai/agents", "@openai/agents-core"],
    distributions: ["openai-agents"],
  },
  { framework: "mastra", python: [], javascript: ["@mastra/core", "@mastra/mcp", "mastra"], distributions: [] },
  {
    framework: "pydantic-ai",
    python: ["pydantic_ai"],
    javascript: [],
    distributions: ["pydantic-ai", "pydantic-ai-slim"],
  },
  {
    framework: "claude-agent-sdk",
    python: ["claude_agent_sdk"],
    javascript: ["@anthropic-ai/claude-agent-sdk"],
    distributions: ["claude-agent-sdk"],
  },
  {
    framework: "autogen",
    python: ["autogen", "autogen_core", "autogen_agentchat", "autogen_ext"],
    javascript: [],
    distributions: ["autogen-core", "autogen-agentchat", "pyautogen"],
  },
  { framework: "google-adk", python: ["google.adk"], javascript: ["@google/adk"], distributions: ["google-adk"] },
  {
    framework: "strands",
    python: ["strands", "strands_tools"],
    javascript: ["@strands-agents/sdk"],
    distributions: ["strands-agents"],
  },
  { framework: "smolagents", python: ["smolagents"], javascript: [], distributions: ["smolagents"] },
  { framework: "agno", python: ["agno"], javascript: [], distributions: ["agno"] },
  {
    framework: "llamaindex",
    python: ["llama_index"],
    javascript: ["llamaindex"],
    distributions: ["llama-index", "llama-index-core"],
  },
  {
    framework: "langchain",
    python: [
      "langchain",
      "langchain_core",
      "langchain_community",
      "langchain_classic",
      "langchain_openai",
      "langchain_anthropic",
    ],
    javascript: ["langchain", "@langchain/core", "@langchain/openai", "@langchain/anthropic", "@langchain/community"],
    distributions: ["langchain", "langchain-core"],
  },
  { framework: "ai-sdk", python: [], javascript: ["ai"], distributions: ["ai"] },
  {
    framework: "mcp",
    python: ["mcp", "fastmcp"],
    javascript: ["@modelcontextprotocol/sdk", "@modelcontextprotocol/server", "fastmcp"],
    distributions: ["mcp", "fastmcp"],
  },
  { framework: "anthropic", python: ["anthropic"], javascript: ["@anthropic-ai/sdk"], distributions: ["anthropic"] },
  { framework: "openai", python: ["openai"], javascript: ["openai"], distributions: ["openai"] },
];

/** The framework that an import path belongs to, or null. */
export function frameworkOf(specifier: string, language: Language): string | null {
  const separator = language === "python" ? "." : "/";
  for (const row of FRAMEWORKS) {
    if (row[language].some((name) => specifier === name || specifier.startsWith(name + separator)))
      return row.framework;
  }
  return null;
}

/** 0 for the most specific framework; used to choose between several. */
export function rankOf(framework: string): number {
  return FRAMEWORKS.findIndex((row) => row.framework === framework);
}

/** The framework of a dependency by its name in a dependency file, or null. */
export function frameworkOfDistribution(name: string, language: Language): string | null {
  if (language === "javascript") return frameworkOf(name, language);
  const normal = name.toLowerCase().replace(/[_.]+/g, "-");
  return FRAMEWORKS.find((row) => row.python.length > 0 && row.distributions.includes(normal))?.framework ?? null;
}
