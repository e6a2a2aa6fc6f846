import anthropic
from openai import OpenAI

client = OpenAI()
GET = "get_order"
FUNCTIONS = [
    {"type": "function", "function": {"name": GET, "parameters": {}}},
    {"type": "function", "name": "responses_tool", "parameters": {}},
    {"type": "web_search"},
]
MESSAGES = [{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "recorded_call", "arguments": "{}"}}]}]
client.chat.completions.create(model="gpt", messages=MESSAGES, tools=FUNCTIONS, tool_choice={"type": "function", "function": {"name": "get_order"}})
CLAUDE = [{"name": "cancel_order", "input_schema": {"type": "object"}}, {"name": make(), "input_schema": {}}]
BEDROCK = {"tools": [{"toolSpec": {"name": "bedrock_tool", "inputSchema": {"json": {}}}}]}
