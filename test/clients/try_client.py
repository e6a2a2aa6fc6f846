"""Tries the example's Python client against daemons that are not what they should be: try_client.py FOLDER_OF_THE_CLIENT.

Prints a JSON object: what was tried, and the code of the denial or "ran". Nothing here may print "ran" but `permit`.
"""
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from faramesh_client import Client, ToolDenied, find_socket, governed, governed_tool  # noqa: E402

TIMEOUT_S = 0.4
outcomes = {}
folder = tempfile.mkdtemp(prefix="fms-py-")


def permit(request, **members):
    return {"call_id": request["call_id"], "effect": "PERMIT", **members}


def say(value):
    return lambda request: [json.dumps(value(request)).encode() + b"\n"]


def dribble(request):
    """Every byte in time, the whole too late."""
    for byte in json.dumps(permit(request)).encode():
        yield bytes([byte])
        time.sleep(TIMEOUT_S / 8)


ANSWERS = {
    "permit": say(permit),
    "lower case": say(lambda request: permit(request, effect="permit")),
    "deny": say(lambda request: permit(request, effect="DENY", reason_code="POLICY_DENY")),
    "unknown effect": say(lambda request: permit(request, effect="ALLOW")),
    "no effect": say(lambda request: {"call_id": request["call_id"]}),
    "another call": say(lambda request: permit(request, call_id="x")),
    "a list": say(lambda request: [permit(request)]),
    "no JSON": lambda request: [b"PERMIT\n"],
    "half an answer": lambda request: [json.dumps(permit(request)).encode()],
    "too long": lambda request: [b" " * (9 * 2**20) + b"\n"],
    "silence": lambda request: iter(lambda: time.sleep(TIMEOUT_S * 2) or b"", None),
    "dribble": dribble,
}


def serve(name, answer):
    path = os.path.join(folder, name.replace(" ", "-"))
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def run():
        stream, _ = server.accept()
        with stream, server:
            try:
                request = json.loads(stream.makefile("rb").readline())
                for part in answer(request):
                    stream.sendall(part)
            except (OSError, ValueError):
                pass

    threading.Thread(target=run, daemon=True).start()
    return path


def note(name, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
        outcomes[name] = "ran"
    except ToolDenied as denied:
        outcomes[name] = denied.code


for name, answer in ANSWERS.items():
    client = Client("bot", path=serve(name, answer), timeout_s=TIMEOUT_S)
    note(name, governed(client, "t")(lambda n: n), 1)

nobody = Client("bot", path=os.path.join(folder, "none"), timeout_s=TIMEOUT_S)
take = governed(nobody, "t")(lambda value: value)
note("nobody", take, 1)
ODD = {"nan": float("nan"), "a set": {1}, "a tuple": (1,), "a number as key": {1: 2}, "half a character": "\ud800", "bytes": b"x"}
for name, value in ODD.items():
    note(name, take, value)


class Tool:
    name = "t"
    func = None
    coroutine = None


for name, member in (("no function", {}), ("a coroutine too", {"func": len, "coroutine": len})):
    tool = Tool()
    vars(tool).update(member)
    try:
        governed_tool(nobody, tool)
        outcomes[name] = "governed"
    except TypeError:
        outcomes[name] = "refused"

loose = os.path.join(folder, "stack", ".faramesh")
os.makedirs(loose)
os.chmod(loose, 0o777)
os.environ.pop("FARAMESH_SOCKET", None)
try:
    find_socket(os.path.dirname(loose))
    outcomes["a folder that others may write"] = "used"
except PermissionError:
    outcomes["a folder that others may write"] = "refused"
shutil.rmtree(folder)
print(json.dumps(outcomes))
