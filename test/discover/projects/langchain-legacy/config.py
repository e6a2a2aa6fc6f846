TOOL_NAME = "from_elsewhere"
