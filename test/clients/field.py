"""Clients as others have written them, each in its own way: field.py SOCKET ADMIN_TOKEN_FILE. The policy of field.test.ts.

Prints a JSON object: what each of them came to. Nothing here is imported from this project.
"""
import asyncio
import collections
import concurrent.futures
import functools
import itertools
import json
import socket
import sys
import threading

PATH, ADMIN = sys.argv[1], open(sys.argv[2]).read().strip()
TIMEOUT_S = 30
numbers = itertools.count(1)


def call(tool, args, **members):
    return {"type": "govern", "call_id": f"c{next(numbers)}", "agent_id": "bot", "session_id": None, "tool_id": tool, "args": args, **members}


def one_shot(message, ends=b"\n", pieces=False):
    """Connects, asks, ends its half, reads to the end."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(TIMEOUT_S)
        s.connect(PATH)
        data = json.dumps(message).encode() + ends
        for part in ([bytes([b]) for b in data] if pieces else [data]):
            s.sendall(part)
        s.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: s.recv(4096), b""))
    lines = answer.decode().splitlines()
    assert len(lines) == 1, lines
    return json.loads(lines[0])


class Typed:
    """Reads the answer into fields with types, as a client of a language with types does, and fails on anything else."""

    FIELDS = {"call_id": str, "effect": str, "latency_ms": int, "retry_permitted": bool, "action_id": str, "reason": str, "reason_code": str, "policy_version": str}
    MORE = {"defer_token": str, "denial_token": str, "rule_ref": str, "structured_denial": dict}

    def __init__(self, answer):
        for name, kind in self.FIELDS.items():
            assert type(answer[name]) is kind, (name, answer[name])
        for name, kind in self.MORE.items():
            assert answer.get(name) is None or type(answer[name]) is kind, (name, answer[name])
        self.__dict__.update(answer)
        assert self.effect in ("PERMIT", "DENY", "DEFER"), self.effect


def rpc(method, params, number):
    answer = one_shot({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    assert answer["jsonrpc"] == "2.0" and answer["id"] == number and type(answer["id"]) is type(number), answer
    return answer.get("result") or {"effect": answer["error"]["code"]}


def governed(function):
    """Sends positional and keyword arguments as they are called with."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        answer = Typed(one_shot(call(function.__name__, {"args": list(args), "kwargs": kwargs})))
        return function(*args, **kwargs) if answer.effect == "PERMIT" else answer.effect

    return run


@governed
def charge(amount):
    return f"charged {amount}"


def person(number, approved):
    """Asks, is deferred, polls; an operator decides with the token; asks again under the old and a new call_id."""
    args = {"amount": number}
    first = Typed(one_shot(call("refund", args)))
    poll = {"type": "poll_defer", "call_id": "p", "agent_id": "bot", "defer_token": first.defer_token}
    seen = [first.effect, first.retry_permitted, one_shot(poll)["status"]]
    order = {"type": "approve_defer", "defer_token": first.defer_token, "approved": approved, "reason": "seen"}
    seen.append(one_shot(order)["error"]["code"])
    seen.append(one_shot({**order, "admin_token": "forged"})["error"]["code"])
    seen.append(one_shot({**order, "admin_token": ADMIN})["ok"])
    seen.append(one_shot({**order, "admin_token": ADMIN})["code"])
    answer = one_shot(poll)
    assert answer["call_id"] == "p", answer
    seen.append(answer["status"])
    other = Typed(one_shot({**call("refund", {"amount": number + 1}), "approval_id": first.defer_token}))
    return seen + [other.reason_code], args, first.defer_token


async def pipelined(count):
    """All questions on one connection before the first answer is read, decisions and polls among each other."""
    reader, writer = await asyncio.open_unix_connection(PATH, limit=1 << 24)
    asked = {}
    for i in range(count):
        message = [
            call("search", {"q": f"größe 😀 {i}", "n": i * 1.0}),
            call("nothing", {"deep": [[{}]], "none": None}),
            {"type": "poll_defer", "call_id": f"p{i}", "agent_id": "bot", "defer_token": "apr-none"},
            {"type": "session", "call_id": f"s{i}", "op": "inspect", "agent_id": "bot", "session_id": "default"},
            {"type": "status", "call_id": f"t{i}"},
        ][i % 5]
        asked[message["call_id"]] = i % 5
        writer.write(json.dumps(message, ensure_ascii=i % 2 == 0).encode() + b"\n")
    outcomes = collections.Counter()
    while asked:
        answer = json.loads(await asyncio.wait_for(reader.readline(), TIMEOUT_S))
        kind = asked.pop(answer["call_id"])
        outcomes[f"{kind} {answer.get('effect') or answer.get('status') or answer.get('op') or answer['state']}"] += 1
    writer.close()
    return dict(outcomes)


async def replayed(args, approval_id, count):
    """The approved call many times at once, each on a connection of its own."""
    room = asyncio.Semaphore(100)

    async def again():
        async with room:
            reader, writer = await asyncio.open_unix_connection(PATH)
            writer.write(json.dumps(call("refund", args, approval_id=approval_id)).encode() + b"\n")
            answer = json.loads(await asyncio.wait_for(reader.readline(), TIMEOUT_S))
            writer.close()
            return answer["effect"], answer["reason_code"]

    outcomes = collections.Counter(await asyncio.gather(*[again() for _ in range(count)]))
    return sorted([*outcome, times] for outcome, times in outcomes.items())


class Pool:
    """A few connections that many threads share, one question at a time on each."""

    def __init__(self, size):
        self._free = [socket.socket(socket.AF_UNIX) for _ in range(size)]
        self._room, self._lock = threading.Semaphore(size), threading.Lock()
        for one in self._free:
            one.settimeout(TIMEOUT_S)
            one.connect(PATH)

    def ask(self, message):
        with self._room:
            with self._lock:
                one = self._free.pop()
            one.sendall(json.dumps(message).encode() + b"\r\n")
            answer = b""
            while not answer.endswith(b"\n"):
                answer += one.recv(65536)
            with self._lock:
                self._free.append(one)
        answer = json.loads(answer)
        assert answer["call_id"] == message["call_id"], answer
        return answer["effect"]


def threads(count):
    pool = Pool(4)
    with concurrent.futures.ThreadPoolExecutor(16) as workers:
        return dict(collections.Counter(workers.map(lambda i: pool.ask(call("search", {"i": i})), range(count))))


def odd():
    """What the standard library sends without being asked not to, and what only looks like a call."""
    text = json.dumps
    return {
        "10.0": one_shot(call("charge", {"amount": 10.0}))["effect"],
        "500.0": one_shot(call("charge", {"amount": 500.0}))["effect"],
        "NaN": one_shot(call("charge", {"amount": float("nan")}))["reason_code"],
        "-Infinity": one_shot(call("charge", {"amount": float("-inf")}))["reason_code"],
        "2**70": one_shot(call("search", {"n": 2**70}))["effect"],
        "surrogate": one_shot(call("search", {"q": "\ud800"}))["reason_code"],
        "None": one_shot(call("charge", {"amount": None}))["effect"],
        "arguments": one_shot({"type": "govern", "agent_id": "bot", "tool_id": "search", "arguments": {"q": 1}})["reason_code"],
        "pieces": one_shot(call("search", {}), pieces=True)["effect"],
        "no newline": one_shot(call("search", {}), ends=b"")["effect"],
        "two on a line": one_shot(call("search", {}), ends=text(call("search", {})).encode() + b"\n")["reason_code"],
        "number as id": one_shot(call("search", {}, call_id=7))["reason_code"],
        "more members": one_shot(call("search", {}, framework="langgraph", sdk={"name": "x"}, timestamp=1.5))["effect"],
    }


approved, approved_args, approval = person(20, True)
denied, denied_args, denial = person(40, False)
print(
    json.dumps(
        {
            "rpc": [
                rpc("govern", {"agent_id": "bot", "tool": "search", "operation": "invoke", "args": {}}, 1)["effect"],
                rpc("govern", {"agent_id": "bot", "tool": "stripe", "tool_id": "stripe", "operation": "refund", "args": {}}, "two")["effect"],
                rpc("no_such", {}, 3)["effect"],
                one_shot({"jsonrpc": "2.0", "id": [1], "method": "govern", "params": {"agent_id": "bot", "tool": "search", "args": {}}})["error"]["code"],
            ],
            "decorator": [charge(amount=10), charge(amount=500), charge(10)],
            "approved": approved,
            "replayed": asyncio.run(replayed(approved_args, approval, 1000)),
            "denied": denied,
            "after the denial": Typed(one_shot(call("refund", denied_args))).reason_code,
            "pipelined": asyncio.run(pipelined(500)),
            "threads": threads(400),
            "odd": odd(),
        }
    )
)
