// What a sandbox is asked for: environments, folders, the words of both systems, and what is said where there is none.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Host, sandboxOf } from "../../runtime/sandbox/availability.ts";
import { bubblewrapArguments } from "../../runtime/sandbox/bubblewrap.ts";
import { strippedEnvironment } from "../../runtime/sandbox/environment.ts";
import { checkPlan, PlanFailure, type SandboxPlan } from "../../runtime/sandbox/plan.ts";
import { seatbeltProfile } from "../../runtime/sandbox/seatbelt.ts";
import { SandboxMissing, startAgent } from "../../runtime/sandbox/start.ts";

const plan: SandboxPlan = {
  stackDir: "/srv/bot",
  socket: "/srv/bot/.faramesh/runtime/faramesh.sock",
  walDir: "/srv/bot/faramesh-wal",
  reads: [],
  writes: [],
  proxy: null,
  home: "/home/bot",
  workingDir: "/srv/bot",
};

const variables: readonly (readonly [string, boolean])[] = [
  ["PATH", true],
  ["HOME", true],
  ["LANG", true],
  ["NODE_ENV", true],
  ["OPENAI_API_KEY", false],
  ["openai_api_key", false],
  ["AWS_SECRET_ACCESS_KEY", false],
  ["GITHUB_TOKEN", false],
  ["DATABASE_URL", false],
  ["SSH_AUTH_SOCK", false],
  ["DBUS_SESSION_BUS_ADDRESS", false],
  ["KUBECONFIG", false],
  ["LD_PRELOAD", false],
  ["NODE_OPTIONS", false],
  ["FARAMESH_SOCKET", false],
  ["FARAMESH_PIN", false],
  ["ACME_ID", false],
  ["MY_ACME_ID", true],
];

test("credentials are taken out of the environment", () => {
  const env = Object.fromEntries(variables.map(([name]) => [name, "x"]));
  const { env: kept, taken } = strippedEnvironment(env, ["ACME_*"], true);
  assert.equal(
    Object.keys(kept),
    variables.flatMap(([name, isKept]) => (isKept ? [name] : [])),
  );
  assert.is(taken.length, variables.filter(([, isKept]) => !isKept).length);
});

test("without the list of credentials, the policy's globs and what loads code still go", () => {
  const { env } = strippedEnvironment({ OPENAI_API_KEY: "x", ACME_ID: "x", LD_PRELOAD: "x" }, ["acme_?d"], false);
  assert.equal(env, { OPENAI_API_KEY: "x" });
});

const folders: readonly (readonly [string, Partial<SandboxPlan>, RegExp | null])[] = [
  ["a folder beside the stack", { writes: ["/srv/out"] }, null],
  ["a folder in the stack", { writes: ["/srv/bot/out"] }, null],
  ["the stack, to read", { reads: ["/srv/bot"] }, null],
  ["the stack, to write", { writes: ["/srv/bot"] }, /the stack itself/],
  ["above the stack", { writes: ["/srv"] }, /the stack itself/],
  ["the operator's folder", { reads: ["/srv/bot/.faramesh"] }, /the operator's/],
  ["in the operator's folder", { reads: ["/srv/bot/.faramesh/runtime/operator"] }, /the operator's/],
  ["in the log", { writes: ["/srv/bot/faramesh-wal/tile"] }, /the operator's/],
  ["above a log elsewhere", { walDir: "/var/log/wal", reads: ["/var/log"] }, /the operator's/],
  ["a name that only begins like it", { writes: ["/srv/bot/faramesh-wal2"] }, null],
  ["everything", { reads: ["/"] }, /whole file system/],
  ["sockets of other programs", { reads: ["/run/user/1000"] }, /other programs' sockets/],
  ["devices", { writes: ["/dev"] }, /devices/],
];

for (const [name, change, refused] of folders) {
  test(`a sandbox is given ${name}${refused === null ? "" : ": refused"}`, () => {
    const check = (): void => checkPlan({ ...plan, ...change });
    if (refused === null) check();
    else assert.throws(check, (error: unknown) => error instanceof PlanFailure && refused.test(error.message));
  });
}

test("bubblewrap shows nothing that is not listed, and what hides lies over what shows", () => {
  const words = bubblewrapArguments({ ...plan, reads: ["/srv/data"], writes: ["/srv/out"] }, () => true);
  for (const kind of ["user", "pid", "net", "ipc", "uts"]) assert.ok(words.includes(`--unshare-${kind}`));
  assert.ok(words.includes("--disable-userns"));
  assert.not.ok(words.some((word) => word === "--share-net" || word === "--dev-bind" || word === "/var"));
  const at = (flag: string, path: string): number =>
    words.findIndex((word, index) => word === flag && words.slice(index + 1, index + 3).includes(path));
  assert.ok(at("--tmpfs", plan.home) < at("--ro-bind", plan.stackDir));
  assert.ok(at("--ro-bind", plan.stackDir) < at("--tmpfs", "/srv/bot/.faramesh"));
  assert.ok(at("--ro-bind", plan.stackDir) < at("--tmpfs", plan.walDir));
  assert.ok(at("--tmpfs", "/srv/bot/.faramesh") < at("--ro-bind", plan.socket));
  assert.ok(at("--tmpfs", "/run") < at("--bind", "/srv/out"));
  assert.equal(
    words.flatMap((word, index) => (word === "--bind" ? [words[index + 1]] : [])),
    ["/srv/out"],
  );
  assert.is(words.at(-1), "--");
});

test("macOS: everything is denied, and what is the operator's is denied last", () => {
  const lines = seatbeltProfile({ ...plan, writes: ["/srv/out"] }, "/private/tmp/a").split("\n");
  assert.is(lines[1], "(deny default)");
  assert.ok(lines.includes("(deny network*)"));
  const place = (text: string): number => lines.findIndex((line) => line.includes(text));
  assert.ok(place("(allow file-read* (subpath") < place("(deny file-read* file-write*"));
  assert.match(
    lines[place("(allow file-write*")] ?? "",
    /^\(allow file-write\* \(subpath "\/srv\/out"\) \(subpath "\/private\/tmp\/a"\)/,
  );
  assert.match(
    lines[place("(deny file-read* file-write*")] ?? "",
    /"\/srv\/bot\/\.faramesh"\) \(subpath "\/srv\/bot\/faramesh-wal"\)/,
  );
  assert.ok(place("(deny network*)") < place("(allow network-outbound (remote unix-socket"));
  const opened = lines.join("\n").match(/\(/g)?.length;
  assert.is(opened, lines.join("\n").match(/\)/g)?.length);
});

const proxy = {
  socket: "/srv/bot/.faramesh/runtime/proxy.sock",
  address: "http://127.0.0.1:8888",
  bridge: "/opt/faramesh/bridge.cjs",
  agentId: "bot",
  token: "t",
};

test("the proxy is the one thing more that is shown", () => {
  const [without, with_] = [plan, { ...plan, proxy }].map((one) => bubblewrapArguments(one, () => true));
  const more = (with_ ?? []).filter((word) => !without?.includes(word));
  assert.equal(
    [...new Set(more)].sort(),
    [
      "/opt/faramesh/bridge.cjs",
      "/run/faramesh/bridge.cjs",
      "/run/faramesh/node",
      process.execPath,
      proxy.socket,
    ].sort(),
  );
  const lines = (one: SandboxPlan): string[] => seatbeltProfile(one, "/private/tmp/a").split("\n");
  assert.equal(
    lines({ ...plan, proxy }).filter((line) => !lines(plan).includes(line)),
    ['(allow network-outbound (remote tcp "localhost:8888"))'],
  );
});

test("macOS: a path cannot end its own text", () => {
  const text = seatbeltProfile({ ...plan, writes: ['/srv/a") (allow network*) (subpath "/'] }, "/private/tmp/a");
  assert.ok(text.includes('(subpath "/srv/a\\") (allow network*) (subpath \\"/")'));
  assert.throws(() => seatbeltProfile({ ...plan, writes: ["/srv/a\nb"] }, "/private/tmp/a"), TypeError);
});

const bwrap = "/usr/bin/bwrap";
const host = (more: Partial<Host>): Host => ({
  platform: "linux",
  arch: "x64",
  exists: (path) => path === bwrap,
  tryOut: () => null,
  ...more,
});

const hosts: readonly (readonly [string, Host, RegExp | null])[] = [
  ["Linux with bubblewrap", host({}), null],
  ["Linux without", host({ exists: () => false }), /apt-get install bubblewrap/],
  ["another processor", host({ arch: "riscv64" }), /not for riscv64/],
  ["an old bubblewrap", host({ tryOut: () => "bwrap: Unknown option --disable-userns" }), /0\.8 or later is needed/],
  ["no user namespaces", host({ tryOut: () => "bwrap: setting up uid map: Permission denied" }), /switched off/],
  ["macOS", host({ platform: "darwin", exists: (path) => path === "/usr/bin/sandbox-exec" }), null],
  [
    "macOS within a sandbox",
    host({ platform: "darwin", exists: () => true, tryOut: () => "sandbox_apply: no" }),
    /sandbox_apply/,
  ],
  ["Windows", host({ platform: "win32" }), /no sandbox for win32/],
];

for (const [name, on, missing] of hosts) {
  test(`${name}: ${missing === null ? "there is a sandbox" : "what is missing is said, and nothing starts"}`, async () => {
    const found = sandboxOf(on);
    assert.is(found.ok, missing === null);
    if (missing === null || found.ok) return;
    assert.match(found.missing.join("; "), missing);
    const start = startAgent({ command: ["/bin/false"], env: {}, supervision: null, profile: "full", plan }, on);
    const error: unknown = await start.catch((failure: unknown) => failure);
    assert.ok(error instanceof SandboxMissing);
  });
}

test.run();
