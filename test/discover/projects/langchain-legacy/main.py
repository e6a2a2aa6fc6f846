import langchain.tools as lt
from langchain.agents import Tool, initialize_agent
from langchain.tools import BaseTool
from config import TOOL_NAME

def _search(q): return q
PREFIX = "crm"
NAME = "crm" "_lookup"

class LookupTool(BaseTool):
    name: str = NAME
    description: str = "x"

class Abstract(BaseTool):
    verbose: bool = True

class Delete(Abstract):
    name = 'crm/delete'

class Nameless(BaseTool):
    description = "no name at all"

@lt.tool("weather", return_direct=True)
def w(city): ...

@lt.tool(args_schema=None)
def time_now(): ...

def build(name):
    return Tool(name=name, func=_search, description="")

TOOLS = [
    Tool(name="search", func=_search, description="d"),
    Tool(name=f"{PREFIX}_update", func=_search, description="d"),
    Tool(name=TOOL_NAME, func=_search, description="d"),
    Tool("calc", _search, "d"),
    Tool(**{"name": "hidden"}),
    Tool.from_function(_search, "positional", "d"),
    LookupTool(), Delete(),
]
agent = initialize_agent(TOOLS, None)
