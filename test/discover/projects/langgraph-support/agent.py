"""Support agent.

Example, not code:

    @tool
    def not_a_tool(): ...
"""
from langchain_core.tools import tool as t, StructuredTool
from langgraph.prebuilt import create_react_agent, ToolNode
from langchain_community.tools import DuckDuckGoSearchRun

from .lookups import find_customer, make_tools
from . import billing

SEND = "send_email"


@t
def search_docs(query: str) -> str:
    """Search. A line such as @tool above a def does nothing here."""
    return query


@t(SEND)
async def _send(to: str, body: str) -> str:
    return "ok"


# @t
# def commented_out(x): ...

def plain_lookup(order_id: str) -> str:
    return order_id


def unlisted(x):
    return x


def tool(f):
    return f


charge = StructuredTool.from_function(func=plain_lookup, name="charge_card")
shadow = StructuredTool.from_function(unlisted)
tools = [search_docs, _send, charge, shadow, find_customer]
tools += [billing.refund]
tools.append(DuckDuckGoSearchRun())
graph = create_react_agent("openai:gpt-4o", tools)
node = ToolNode([*tools, *make_tools(), lambda x: x])
