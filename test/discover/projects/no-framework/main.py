# A project without agents. Its words look alike.
from shop import hammer, saw


def tool(f):
    return f


@tool
def drill():
    return "tool"


workshop = dict(tools=[hammer, saw])
TEXT = """
from langchain.tools import tool
@tool
def inside_a_string(): ...
"""
