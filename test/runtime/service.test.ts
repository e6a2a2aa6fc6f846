// The text of units, and that hostile paths stay paths in them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ServiceFailure, type ServiceWish, serviceOf } from "../../runtime/service.ts";

const wish: ServiceWish = {
  manager: "systemd",
  dir: "/srv/My Agents",
  command: ["/usr/bin/node", "/opt/faramesh/dist/daemon.js"],
  home: "/home/ann",
  configHome: undefined,
  agentSocket: "/srv/My Agents/.faramesh/runtime/faramesh.sock",
};

test("a systemd unit of the user", () => {
  const { name, path, text, start, stop } = serviceOf({ ...wish, envFile: "/srv/50%.env" });
  assert.match(name, /^faramesh-my-agents-[0-9a-f]{8}\.service$/);
  assert.is(path, `/home/ann/.config/systemd/user/${name}`);
  assert.is(
    text,
    `[Unit]
Description=faramesh, the daemon of /srv/My Agents

[Service]
Type=exec
ExecStart="/usr/bin/node" "/opt/faramesh/dist/daemon.js" "--dir" "/srv/My Agents" "--as-before"
EnvironmentFile=/srv/50%%.env
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2 4
TimeoutStopSec=30
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`,
  );
  const socketName = name.replace(/service$/, "socket");
  assert.equal(
    [start.slice(1), stop],
    [
      [`systemctl --user enable --now ${socketName}`, `systemctl --user enable --now ${name}`],
      [`systemctl --user disable --now ${socketName} ${name}`],
    ],
  );
  assert.is(serviceOf({ ...wish, configHome: "/cfg" }).path, `/cfg/systemd/user/${name}`);
});

test("beside it the unit that holds the agents' socket", () => {
  const { name, socket } = serviceOf({ ...wish, agentSocket: "/srv/100%/a b.sock" });
  assert.equal(socket, {
    name: name.replace(/service$/, "socket"),
    path: `/home/ann/.config/systemd/user/${name.replace(/service$/, "socket")}`,
    text: `[Unit]
Description=faramesh, the agents' socket of /srv/My Agents

[Socket]
ListenStream=/srv/100%%/a b.sock
FileDescriptorName=agent
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
`,
  });
});

test("a launchd agent of the user", () => {
  const { name, path, text, start, socket } = serviceOf({ ...wish, manager: "launchd", dir: "/srv/a&b <c>" });
  assert.is(socket, null);
  assert.match(name, /^dev\.faramesh\.a-b-c-[0-9a-f]{8}$/);
  assert.is(path, `/home/ann/Library/LaunchAgents/${name}.plist`);
  assert.match(text, "    <string>/srv/a&amp;b &lt;c&gt;</string>\n    <string>--as-before</string>\n");
  assert.equal(start, [`launchctl bootstrap gui/$(id -u) ${path}`]);
  const spaced = serviceOf({ ...wish, manager: "launchd", home: "/Users/it's me" });
  assert.match(spaced.start[0] ?? "", "'/Users/it'\\''s me/Library/");
});

test("what systemd reads in a word is escaped; two stacks have two names", () => {
  const { text } = serviceOf({ ...wish, dir: '/x/$HOME %h "q" \\n' });
  assert.match(text, String.raw`"--dir" "/x/$$HOME %%h \"q\" \\n" "--as-before"`);
  assert.is.not(serviceOf({ ...wish, dir: "/a/x" }).name, serviceOf({ ...wish, dir: "/b/x" }).name);
  assert.match(serviceOf({ ...wish, dir: "/" }).name, /^faramesh-[0-9a-f]{8}\.service$/);
});

for (const bad of [
  { dir: "/x\nExecStartPre=/bin/rm" },
  { envFile: "/x\ry" },
  { command: ["/bin/\u0000"] },
  { agentSocket: "/x\n[Service]" },
  { agentSocket: "/x\\" },
  { envFile: "/x " },
]) {
  test(`what no unit can carry ends in none: ${JSON.stringify(bad)}`, () => {
    assert.throws(
      () => serviceOf({ ...wish, ...bad }),
      (error: unknown) => error instanceof ServiceFailure,
    );
  });
}

test.run();
