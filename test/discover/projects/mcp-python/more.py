from server import mcp
import click

app = object()


@mcp.tool
def stat(path: str) -> str: ...


class Registry:
    def tool(self, f):
        return f


registry = Registry()


@registry.tool
def not_this(x): ...
