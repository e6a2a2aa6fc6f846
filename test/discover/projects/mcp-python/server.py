from mcp.server.fastmcp import FastMCP
import mcp.types as types

mcp = FastMCP("files")


@mcp.tool()
def read_file(path: str) -> str: ...


@mcp.tool(name="files.write")
async def write(path: str) -> None: ...


@mcp.resource("x://y")
def not_a_tool(): ...


async def list_tools():
    return [types.Tool(name="listed", description="", inputSchema={"type": "object"})]
