"""A client of the faramesh daemon for Python 3.9 and later, with the standard library alone.

    from faramesh_client import Client, governed

    client = Client("support-agent")

    @governed(client, "stripe/refund")
    def refund(amount: float, order: str): ...

A call without a permit raises ToolDenied before a line of the function has run. It fails closed: no daemon, no answer in
time, an answer that belongs to another call, an effect that is not known are denials. Copy this file into your project.
"""
import copy
import functools
import inspect
import json
import os
import socket
import stat
import threading
import time
import uuid

DECISION_TIMEOUT_S = 10.0
APPROVAL_TIMEOUT_S = 300.0
POLL_S = 1.0
ANSWER_MAX_BYTES = 8 * 1024 * 1024
FOLDERS_MAX = 64


class ToolDenied(Exception):
    """The call did not run. `effect` is "deny", or "defer" where a person has to decide first."""

    def __init__(self, tool, effect, code, message, answer=None):
        verb = "waits for approval" if effect == "defer" else "denied"
        super().__init__(f"{tool} {verb} ({code}): {message}")
        answer = answer or {}
        self.tool, self.effect, self.code, self.message = tool, effect, code, message
        self.rule_ref = answer.get("rule_ref") or None
        self.approval_id = answer.get("approval_id") or answer.get("defer_token") or None
        self.action_id = answer.get("action_id") or None
        self.resolution = (answer.get("structured_denial") or {}).get("resolution") or {"type": "manual_audit"}


class Client:
    """Asks the daemon of one stack for one agent. One connection, used by any number of threads in turn."""

    def __init__(self, agent_id, session_id=None, path=None, timeout_s=DECISION_TIMEOUT_S, principal_token=None):
        if not agent_id:
            raise ValueError("agent_id is missing")
        self.agent_id, self.session_id, self.timeout_s = agent_id, session_id, timeout_s
        self.principal_token = principal_token
        self._path, self._lock, self._stream = path, threading.Lock(), None

    def decide(self, tool, args, approval_id=None, **members):
        """The daemon's answer to a call that it permits. Raises ToolDenied for every other outcome."""
        call_id = str(uuid.uuid4())
        request = {"type": "govern", "call_id": call_id, "agent_id": self.agent_id, "tool_id": tool, "args": args, **members}
        if self.session_id is not None:
            request["session_id"] = self.session_id
        if approval_id is not None:
            request["approval_id"] = approval_id
        answer = self._ask(tool, request)
        if answer.get("call_id") != call_id:
            raise ToolDenied(tool, "deny", "BAD_ANSWER", "the answer belongs to another call")
        effect = str(answer.get("effect")).upper()
        if effect == "PERMIT":
            return answer
        denial = answer.get("structured_denial") or {}
        code = denial.get("code") or answer.get("reason_code")
        if effect not in ("DENY", "DEFER") or not code:
            code = "UNKNOWN_EFFECT"
        message = denial.get("human_message") or answer.get("reason") or str(answer.get("error") or code)
        raise ToolDenied(tool, "defer" if effect == "DEFER" else "deny", code, message, answer)

    def decide_or_wait(self, tool, args, timeout_s=APPROVAL_TIMEOUT_S, poll_s=POLL_S):
        """As `decide`; a deferred call waits until a person has approved or denied it."""
        end = time.monotonic() + timeout_s
        approval_id = None
        while True:
            try:
                return self.decide(tool, args, approval_id)
            except ToolDenied as denied:
                if denied.effect != "defer" or denied.approval_id is None:
                    raise
                status, approval_id = "pending", denied.approval_id
                while status == "pending":
                    if time.monotonic() >= end:
                        raise
                    time.sleep(poll_s)
                    status = self.poll(tool, approval_id)
                if status not in ("approved", "denied"):
                    raise ToolDenied(tool, "deny", "APPROVAL_LOST", f"approval {approval_id} is {status}") from denied

    def poll(self, tool, approval_id):
        """"pending", "approved", "denied", "expired" or "unknown"."""
        request = {"type": "poll_defer", "agent_id": self.agent_id, "defer_token": approval_id}
        return str(self._ask(tool, request).get("status"))

    def report(self, action_id, status, **members):
        """Tells how a permitted call ended: report(answer["action_id"], "ok", duration_ms=12)."""
        request = {"type": "report", "agent_id": self.agent_id, "action_id": action_id, "status": status, **members}
        return self._ask("report", request)

    def close(self):
        with self._lock:
            self._drop()

    def _ask(self, tool, request):
        if self.principal_token is not None:
            request.setdefault("principal_token", self.principal_token)
        try:
            line = json.dumps(request, allow_nan=False, ensure_ascii=False).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise ToolDenied(tool, "deny", "ARGS_NOT_PLAIN", str(error)) from error
        with self._lock:
            try:
                if self._stream is None:
                    self._stream = self._connect()
                self._stream.sendall(line)
                answer = json.loads(self._line())
            except socket.timeout as error:
                self._drop()
                raise ToolDenied(tool, "deny", "DAEMON_TIMEOUT", "the daemon did not answer in time") from error
            except OSError as error:
                self._drop()
                raise ToolDenied(tool, "deny", "DAEMON_UNREACHABLE", f"{error}; is the daemon running?") from error
            except ValueError as error:
                self._drop()
                raise ToolDenied(tool, "deny", "BAD_ANSWER", "the answer cannot be read") from error
        if not isinstance(answer, dict):
            raise ToolDenied(tool, "deny", "BAD_ANSWER", "the answer is not an object")
        return answer

    def _line(self):
        """One answer. The whole of it has `timeout_s`, however slowly its bytes come."""
        end = time.monotonic() + self.timeout_s
        parts = bytearray()
        while not parts.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0:
                raise socket.timeout()
            self._stream.settimeout(left)
            chunk = self._stream.recv(65536)
            if not chunk:
                raise ConnectionError("the daemon closed the connection")
            parts += chunk
            if len(parts) > ANSWER_MAX_BYTES:
                raise ValueError("too long")
        return parts

    def _connect(self):
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(self.timeout_s)
        try:
            stream.connect(self._path or find_socket())
        except BaseException:
            stream.close()
            raise
        return stream

    def _drop(self):
        # After a break an answer could be that of an earlier call: never read on.
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def find_socket(folder=None):
    """FARAMESH_SOCKET, or the socket of the nearest folder upwards that has a `.faramesh`. Raises OSError."""
    told = os.environ.get("FARAMESH_SOCKET")
    if told:
        return told
    folder = os.path.realpath(folder or os.getcwd())
    for _ in range(FOLDERS_MAX):
        state = os.path.join(folder, ".faramesh")
        if os.path.lexists(state):
            return _socket_of(folder, state)
        if os.path.dirname(folder) == folder:
            break
        folder = os.path.dirname(folder)
    raise FileNotFoundError("no running stack here or above; `faramesh apply` starts one, FARAMESH_SOCKET names one")


def _socket_of(folder, state):
    # In a shared folder such as /tmp anybody can make a `.faramesh`: whoever answers there decides what an agent may do.
    status = os.lstat(state)
    owners = {os.getuid(), 0, os.lstat(folder).st_uid}
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners or status.st_mode & 0o022:
        raise PermissionError(f"{state} is a link, another user's, or writable for others; it is not used")
    try:
        with open(os.path.join(state, "runtime", "daemon.json"), encoding="utf-8") as file:
            described = json.load(file)
        if described.get("dir", folder) == folder and str(described.get("socket", "")).startswith("/"):
            return described["socket"]
    except (OSError, ValueError, AttributeError):
        pass
    return os.path.join(state, "runtime", "faramesh.sock")


def governed(client, tool, wait=False):
    """Puts a decision before each call of a function. Its arguments are judged by their names, and must be plain JSON."""

    def wrap(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            judged = plain(tool, _by_name(bound))
            (client.decide_or_wait if wait else client.decide)(tool, judged)
            return _run(function, signature, judged)

        return call

    return wrap


def governed_tool(client, tool, name=None, wait=False):
    """A copy of a tool object in the manner of LangChain (`name`, `func`) whose function asks first."""
    if not callable(getattr(tool, "func", None)) or getattr(tool, "coroutine", None) is not None:
        raise TypeError(f"{tool!r} is not a tool with `func` alone; it would stay ungoverned")
    own = copy.copy(tool)
    own.func = governed(client, name or tool.name, wait)(tool.func)
    return own


def plain(tool, value):
    """A copy through JSON, so that nobody changes it between decision and call. What JSON would change is refused."""
    try:
        text = json.dumps(value, allow_nan=False)
        judged = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ToolDenied(tool, "deny", "ARGS_NOT_PLAIN", str(error)) from error
    if judged != value or text != json.dumps(judged):
        raise ToolDenied(tool, "deny", "ARGS_NOT_PLAIN", "JSON would change the arguments")
    return judged


def _by_name(bound):
    """Names to values; *args are a list under their name, **kwargs stand among the rest."""
    named = {}
    for name, parameter in bound.signature.parameters.items():
        value = bound.arguments[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            named.update(value)
        else:
            named[name] = list(value) if parameter.kind is parameter.VAR_POSITIONAL else value
    return named


def _run(function, signature, judged):
    """Calls with what was judged, each value where its parameter wants it."""
    rest, positional, named = dict(judged), [], {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(rest.pop(name))
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional.append(rest.pop(name))
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = rest.pop(name)
    return function(*positional, **named, **rest)
