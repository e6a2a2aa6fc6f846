import agents
from agents import Agent, FunctionTool, WebSearchTool, function_tool


@function_tool
async def get_weather(city: str) -> str:
    return city


@function_tool(name_override="stripe/refund", strict_mode=False)
def refund(amount: int) -> str:
    return str(amount)


@agents.function_tool
def größe_messen(x: int) -> int:
    return x


class Desk:
    @staticmethod
    @function_tool
    def close_ticket(ticket: str) -> str:
        return ticket


raw = FunctionTool(name="raw.tool", description="", params_json_schema={}, on_invoke_tool=None)
spanish = Agent(name="Spanish", tools=[])
bot = Agent(
    name="bot",
    tools=[get_weather, refund, raw, WebSearchTool(), Desk.close_ticket, spanish.as_tool(tool_name="translate", tool_description="")],
)
