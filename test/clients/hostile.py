"""An agent that means harm, on a daemon's socket: hostile.py SOCKET. The policy permits `search` and defers `ask`.

Prints a JSON object: what was tried, and what came of it. After each part an honest call is made; `honest` counts those that were
answered as they should be.
"""
import json
import resource
import socket
import sys
import threading
import time

PATH = sys.argv[1]
TIMEOUT_S = 20
CONNECTIONS = 10_000
SLOW = 200
FLOOD = 10_000
OPERATOR_TYPES = (
    "approve_defer deny grants grants_add grants_revoke kill unkill quiesce resume apply swap rollback stop history prune"
    " rotate_key erase_salts checkpoint tokens_create tokens_list agents_list approvals_list approvals_watch supervisor"
).split()
FORGED = [None, "", "forged", "0" * 64, {"a": 1}, True, ["x"]]
outcomes = {"honest": 0}
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
room = CONNECTIONS + 1000
resource.setrlimit(resource.RLIMIT_NOFILE, (room if hard == resource.RLIM_INFINITY else min(room, hard), hard))


def connect():
    """Waits while the system's queue of connections is full."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(TIMEOUT_S)
        try:
            one.connect(PATH)
            return one
        except BlockingIOError:
            one.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.001)


def line(message):
    return json.dumps(message).encode() + b"\n"


def govern(tool="search", **members):
    return line({"type": "govern", "agent_id": "bot", "tool_id": tool, "args": {}, **members})


def say(data):
    """Sends and ends its half; gives the lines that come back."""
    one = connect()
    try:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := one.recv(1 << 20):
            answer += chunk
    finally:
        one.close()
    return [json.loads(text) for text in answer.split(b"\n") if text]


def honest():
    outcomes["honest"] += [answer["effect"] for answer in say(govern())] == ["PERMIT"]


def orders():
    """Every order of an operator's, under every forged token, as a line and as JSON-RPC."""
    codes = set()
    for kind in OPERATOR_TYPES:
        for token in FORGED:
            order = {"id": "apr-x", "agent_id": "bot", **({} if token is None else {"admin_token": token})}
            codes.add(say(line({"type": kind, **order}))[0]["error"]["code"])
        codes.add(say(line({"jsonrpc": "2.0", "id": 1, "method": kind, "params": order}))[0]["error"]["code"])
    outcomes["orders"] = sorted(codes, key=str)


def self_approval():
    token = say(govern("ask"))[0]["defer_token"]
    tries = [
        line({"type": "approve_defer", "defer_token": token, "id": token, "actor": "bot", "admin_token": "x"}),
        govern("ask", approval_id=token, admin_token="x", approved=True, effect="PERMIT", status="approved"),
        govern("ask", approval_id=token, args={"n": 2}),
        line({"type": "poll_defer", "agent_id": "other", "defer_token": token}),
        line({"type": "poll_defer", "agent_id": "bot", "defer_token": token}),
    ]
    answers = [say(one)[0] for one in tries]
    outcomes["self approval"] = [answer.get("status") or answer["reason_code"] for answer in answers]


def slow():
    held = [connect() for _ in range(SLOW)]
    for one in held:
        one.sendall(b'{"type":"gov')
    honest()
    for one in held:
        one.sendall(b"e")
    honest()
    for one in held:
        one.close()


def never_reads():
    one = connect()
    one.settimeout(0.5)
    sent = 0
    try:
        while sent < 1_000_000:
            one.sendall(govern() * 50)
            sent += 50
    except TimeoutError:
        pass
    honest()
    one.close()
    outcomes["never reads"] = "held back" if sent < 1_000_000 else "read on"


def many():
    """As many connections as the system gives, all open at once: each is served or hung up on."""
    held = []
    try:
        for _ in range(CONNECTIONS):
            held.append(connect())
    except OSError as error:
        outcomes["many stopped"] = str(error)
    first = held[0]
    first.sendall(govern())
    outcomes["first of many"] = json.loads(first.makefile().readline())["effect"]
    outcomes["many"] = len(held)
    for one in held:
        one.close()


def flood():
    """Calls of agents that there are not, all different."""
    one = connect()
    codes = {}

    def read():
        with one.makefile() as answers:
            for _ in range(FLOOD):
                code = json.loads(answers.readline())["reason_code"]
                codes[code] = codes.get(code, 0) + 1

    reader = threading.Thread(target=read)
    reader.start()
    for index in range(FLOOD):
        one.sendall(govern(call_id=f"f{index}", agent_id=f"ghost{index}", session_id=f"s{index}"))
    reader.join()
    one.close()
    outcomes["flood"] = codes


for part in (orders, self_approval, slow, never_reads, many, flood):
    part()
    honest()
print(json.dumps(outcomes))
