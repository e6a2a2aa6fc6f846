# Tries to get out of the sandbox, one way after the other, and prints what came of each as JSON: "held", or what it could do.
# Arguments: the stack's folder, a port that listens on the host's loopback, the daemon's process, a file beside the stack, a
# Unix socket of another program.
import ctypes, errno, json, os, signal, socket, subprocess, sys

stack, port, daemon, beside, foreign = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
libc = ctypes.CDLL(None, use_errno=True)
found = {}


def way(name):
    def keep(work):
        try:
            found[name] = work()
        except OSError as error:
            found[name] = "held: " + errno.errorcode.get(error.errno, str(error.errno))
    return keep


def call(number, *args):
    result = libc.syscall(number, *args)
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return f"call {number} gave {result}"


def read(path):
    with open(path) as file:
        return f"read {len(file.read())}"


def write(path):
    with open(path, "w") as file:
        file.write("x")
    return "written"


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(address)
    return "connected"


for name, path in {
    "operator's token": ".faramesh/runtime/operator/token", "key of the log": ".faramesh/keys/log.key",
    "daemon's place": ".faramesh/runtime/daemon.json", "log": "faramesh-wal/00000001.wal",
}.items():
    way(f"read the {name}")(lambda: read(f"{stack}/{path}"))
    way(f"read the {name} through a process")(lambda: read(f"/proc/1/root{stack}/{path}"))
way("read a file beside the stack")(lambda: read(beside))
way("read the passwords")(lambda: read("/etc/shadow") if len(open("/etc/shadow").read()) > 0 else "held: empty")
for name, path in {
    "the policy": "governance.fms", "an image": ".faramesh/policies/x.fmb", "the socket's folder": ".faramesh/runtime/x",
    "the stack": "x", "the keys": "faramesh.vkey",
}.items():
    way(f"write {name}")(lambda: write(f"{stack}/{path}"))
way("write the system")(lambda: write("/usr/bin/x"))
way("put another socket in the daemon's place")(lambda: os.unlink(f"{stack}/.faramesh/runtime/faramesh.sock") or "gone")

way("kill the daemon")(lambda: os.kill(daemon, signal.SIGKILL) or "killed")
way("kill all")(lambda: [os.kill(int(p), signal.SIGKILL) for p in os.listdir("/proc") if p.isdigit() and int(p) == daemon] and "killed" or "held: not there")
way("see the daemon")(lambda: "seen" if b"daemon" in b"".join(open(f"/proc/{p}/cmdline", "rb").read() for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid(), os.getppid())) else "held: not there")

way("TCP to loopback")(lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
way("TCP outside")(lambda: connect(socket.AF_INET, ("1.1.1.1", 443)))
way("TCP outside, IPv6")(lambda: connect(socket.AF_INET6, ("2606:4700:4700::1111", 443)))
way("UDP outside")(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)))
way("raw socket")(lambda: str(socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)))
way("packet socket")(lambda: str(socket.socket(17, socket.SOCK_RAW, 3)))
way("socket to the hypervisor")(lambda: str(socket.socket(40, socket.SOCK_STREAM)))
way("operator's socket")(lambda: connect(socket.AF_UNIX, f"{stack}/.faramesh/runtime/operator/operator.sock"))
way("another program's socket")(lambda: connect(socket.AF_UNIX, foreign))
way("a socket without a path")(lambda: connect(socket.AF_UNIX, "\0faramesh-escape"))
way("the containers' daemon")(lambda: connect(socket.AF_UNIX, "/var/run/docker.sock"))

for name, number, args in [
    ("ptrace", 101, (16, 1, 0, 0)), ("another's memory", 310, (1, 0, 0, 0, 0, 0)), ("mount", 165, (b"none", b"/tmp", b"tmpfs", 0, 0)),
    ("unmount", 166, (f"{stack}/.faramesh".encode(), 2)), ("namespaces", 272, (0x10000000,)), ("chroot", 161, (b"/tmp",)),
    ("bpf", 321, (0, 0, 0)), ("io_uring", 425, (1, 0)), ("keys", 250, (0, 0, 0)), ("userfaultfd", 323, (0,)),
    ("another's namespace", 308, (0, 0)), ("another's file", 438, (0, 0, 0)), ("open by handle", 304, (0, 0, 0)),
    ("a clone in namespaces", 56, (0x10000011, 0, 0, 0, 0)), ("a call of x32", 0x40000000 + 39, ()),
]:
    way(name)(lambda: call(number, *args))
way("the terminal's input")(lambda: __import__("fcntl").ioctl(0, 0x5412, b"x") and "typed")

# What a process does to get rid of its surroundings: all of this again without any variable, in a process of another session.
if len(sys.argv) == 6:
    again = [sys.executable, "-S", __file__, *sys.argv[1:], "again"]
    child = subprocess.run(again, env={}, start_new_session=True, capture_output=True, text=True)
    for name, came in json.loads(child.stdout).items():
        found[f"forked, without variables: {name}"] = came
print(json.dumps(found))
