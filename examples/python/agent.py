"""An agent whose tools are governed. Run it in this folder: `faramesh apply`, then `python3 agent.py`."""
from faramesh_client import Client, ToolDenied, governed

client = Client("python-agent")


@governed(client, "search_docs")
def search_docs(query):
    return f"3 pages about {query}"


@governed(client, "stripe/refund")
def refund(amount, order, note=None):
    return f"refunded ${amount} of {order}"


@governed(client, "shell/run")
def shell(*words):
    raise AssertionError("this line never runs")


def attempt(call, *args, **kwargs):
    try:
        print(call(*args, **kwargs))
    except ToolDenied as denied:
        print(denied)


attempt(search_docs, "returns")
attempt(refund, 40, order="A-17")
attempt(refund, 400, "A-18", note="damaged")
attempt(shell, "rm", "-rf", "/")
