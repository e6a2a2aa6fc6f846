// A socket that a service manager binds and hands over: calls wait for the daemon, and the socket outlives it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { inheritedSocket } from "../../runtime/doors/inherited.ts";
import { daemonCommand } from "../../runtime/launch.ts";
import { socketPlaces, stackPaths } from "../../runtime/stack.ts";
import { askOn, DaemonProcess } from "./daemon-process.ts";

/** Binds the socket, says so, starts the command at the first connection as systemd does, and lives until its input ends. */
const manager = `
import os, select, signal, socket, sys
signal.alarm(60)
one = socket.socket(socket.AF_UNIX)
one.bind(sys.argv[1])
one.listen(16)
print("bound", flush=True)
select.select([one], [], [])
child = os.fork()
if child == 0:
    os.dup2(one.fileno(), 3)
    os.set_inheritable(3, True)
    env = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="agent")
    os.execvpe(sys.argv[2], sys.argv[2:], env)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
sys.stdin.read()
`;

test("a call that comes before the daemon waits for it, and the socket stays when the daemon ends", async () => {
  const daemon = await DaemonProcess.start('agent "bot" { default deny permit search }');
  await askOperator(daemon.dir, "stop", { actor: "tester" });
  await daemon.ended;
  const { agent } = socketPlaces(stackPaths(daemon.dir), {}, undefined);
  const child = spawn("python3", ["-c", manager, agent, ...daemonCommand(), "--dir", daemon.dir], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface(child.stdout);
  try {
    assert.equal(await once(lines, "line"), ["bound"]);
    const socket = await daemon.connect();
    assert.is((await askOn(socket, "search")).effect, "PERMIT");
    socket.destroy();
    assert.is((await daemon.ask("search")).effect, "PERMIT");
    assert.is(statSync(agent).mode & 0o777, 0o600);
    const ended = once(lines, "line");
    await askOperator(daemon.dir, "stop", { actor: "tester" });
    assert.equal(await ended, ["0"]);
    assert.ok(statSync(agent).isSocket(), "the socket is the manager's");
    (await daemon.connect()).destroy();
  } finally {
    child.kill("SIGKILL");
    await daemon.remove();
  }
});

test("only what was handed to this very process is taken", () => {
  const own = { LISTEN_PID: "7", LISTEN_FDS: "1" };
  for (const env of [
    {},
    { ...own, LISTEN_PID: "8" },
    { ...own, LISTEN_FDS: "0" },
    { ...own, LISTEN_FDS: "x" },
    { ...own, LISTEN_FDS: "99" },
    { ...own, LISTEN_FDS: "2" },
    { ...own, LISTEN_FDS: "2", LISTEN_FDNAMES: "other:another" },
    { LISTEN_FDS: "1" },
  ])
    assert.is(inheritedSocket("agent", env, 7), null, JSON.stringify(env));
});

test.run();
