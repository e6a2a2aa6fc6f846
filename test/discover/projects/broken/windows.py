from agents import function_tool


@function_tool
def one(x):
    return x


@function_tool(
    name_override="two",
)
def second(x):
    return x
