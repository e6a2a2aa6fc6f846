from crewai.tools import BaseTool, tool


class ReadFile(BaseTool):
    name: str = "Read a file"
    description: str = "d"


class Ask(BaseTool):
    name: str = "ask_human"


@tool("write_report")
def write_report(text: str) -> str:
    """Write."""
    return text


@tool("Search the web")
def search(q: str) -> str:
    return q
