from langchain_core.tools import tool

@tool
def before(x: int:
    return {

@tool
def after(x):
    return x

x = [tool(
