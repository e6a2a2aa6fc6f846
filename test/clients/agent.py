"""An agent in another language: asks the daemon's agent socket with the standard library alone, as existing clients do.

agent.py load SOCKET CONNECTIONS CALLS   CALLS calls in flight on each connection, written without waiting for answers.
    Prints `begun` when the first answer is there. Ends when all is answered or the stream ends.
agent.py lines SOCKET                    sends standard input as it is, shuts the writing half, reads to the end.
The last line printed is JSON: the answers, in the order in which they came. It never retries: what was not answered is
not in the list.
"""
import json
import socket
import sys
import threading

DEADLINE_S = 25


def connect(path):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(DEADLINE_S)
    stream.connect(path)
    return stream


def call(connection, number):
    """Call `number` of a connection: its amount is `number % 1000`, so that a reader can tell what each policy says."""
    return {
        "type": "govern",
        "call_id": f"{connection}-{number}",
        "agent_id": "bot",
        "session_id": "s",
        "tool_id": "stripe/charge",
        "args": {"amount": number % 1000},
    }


def read_to_end(stream, answers, count, begun):
    rest = b""
    while count is None or len(answers) < count:
        try:
            chunk = stream.recv(65536)
        except OSError:
            return
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        answers.extend(json.loads(line) for line in lines)
        if answers:
            begun.set()


def load(path, connections, calls):
    begun = threading.Event()
    parts = [[] for _ in range(connections)]

    def write(stream, connection):
        try:
            for number in range(calls):
                stream.sendall(json.dumps(call(connection, number)).encode() + b"\n")
        except OSError:
            pass

    threads = []
    for connection, answers in enumerate(parts):
        stream = connect(path)
        threads.append(threading.Thread(target=write, args=(stream, connection)))
        threads.append(threading.Thread(target=read_to_end, args=(stream, answers, calls, begun)))
    for thread in threads:
        thread.start()
    begun.wait(DEADLINE_S)
    print("begun", flush=True)
    for thread in threads:
        thread.join(DEADLINE_S)
    return [answer for answers in parts for answer in answers]


def lines(path):
    stream = connect(path)
    answers = []
    reader = threading.Thread(target=read_to_end, args=(stream, answers, None, threading.Event()))
    reader.start()
    stream.sendall(sys.stdin.buffer.read())
    stream.shutdown(socket.SHUT_WR)
    reader.join(DEADLINE_S)
    if reader.is_alive():
        sys.exit("the daemon did not end the stream")
    return answers


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    print(json.dumps(load(where, *map(int, numbers)) if what == "load" else lines(where)))
