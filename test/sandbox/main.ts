// The sandbox for real: a daemon, an agent started by `.faramesh/bin/agent`, and every way out of it tried from inside. Run by
// .ci/sandbox, which installs bubblewrap. Each step prints a line; the last line counts.
import { execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer as createWebServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { stopDaemon } from "../../cli/daemon.ts";
import { isRunning } from "../../runtime/doors/client.ts";
import { faramesh, farameshAsTyped } from "../cli/in-process.ts";
import { Steps } from "../steps.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "fms-sandbox-")));
const dir = join(base, "stack");
const beside = join(base, "secret.txt");
const here = fileURLToPath(new URL(".", import.meta.url));
const steps = new Steps();
const { step } = steps;

const policy = (profile: string): string =>
  `runtime { agent_enforce_profile = "${profile}" supervised_command = "echo $0 is supervised" strip_env = ["MY_*"] }
agent "bot" { default deny permit search deny drop }
`;

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Beside us: our own servers answer meanwhile. */
function agent(...words: readonly string[]): Promise<Run> {
  const env = { ...process.env, MY_TOKEN: "hidden", GITHUB_TOKEN: "hidden" };
  const child = spawn(join(dir, ".faramesh/bin/agent"), words, { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}

mkdirSync(dir);
writeFileSync(join(dir, "governance.fms"), policy("full"));
writeFileSync(beside, "secret");
for (const file of ["escapes.py", "asks.mjs", "out.py"]) copyFileSync(join(here, file), join(dir, file));
const tcp = createServer((socket) => socket.destroy());
await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
const port = String((tcp.address() as { port: number }).port);
const web = createWebServer((incoming, outgoing) => outgoing.end(`web ${incoming.url}`));
await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
const webPort = String((web.address() as { port: number }).port);
const foreign = createServer((socket) => socket.destroy());
await new Promise<void>((resolve) => foreign.listen(join(base, "foreign.sock"), resolve));
try {
  await step("apply writes the agent's script", async () => {
    const { code, stderr } = await faramesh(dir, "apply");
    assert.is(code, 0, stderr);
    execFileSync("test", ["-x", join(dir, ".faramesh/bin/agent")]);
  });
  const pid = readFileSync(join(dir, ".faramesh/runtime/daemon.pid"), "utf8").trim();

  await step("an agent that the daemon launches is fenced in as well, and ends when it is told to", async () => {
    const words = ["--", "/bin/sh", "-c", `cat ${beside} || echo held; exec sleep 1000`];
    const started = await farameshAsTyped("agent", "launch", "bot", "--dir", dir, "--format", "json", ...words);
    assert.is(started.code, 0, started.stderr);
    const [run] = (JSON.parse(started.stdout) as { runs: { output: string }[] }).runs;
    const output = (): string => (run !== undefined && existsSync(run.output) ? readFileSync(run.output, "utf8") : "");
    for (const end = Date.now() + 30_000; !output().includes("held") && Date.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(output(), /No such file.*held/s);
    const { code, stdout } = await faramesh(dir, "agent", "stop", "bot");
    assert.is(code, 0);
    assert.match(stdout, /bot ended/);
  });
  const { stdout, stderr, status } = await agent(
    ...["--", "/usr/bin/python3", join(dir, "escapes.py"), dir, port, pid, beside, join(base, "foreign.sock")],
  );
  await step("the ways out were tried", () => {
    assert.is(status, 0, stderr);
    assert.ok(Object.keys(JSON.parse(stdout) as object).length > 90);
  });
  for (const [name, came] of Object.entries(JSON.parse(stdout || "{}") as Record<string, string>)) {
    await step(`no way out: ${name} (${came})`, () => assert.match(came, /^held: /));
  }
  await step("the daemon still runs, and the stack is as it was", async () => {
    assert.ok(await isRunning(dir));
    assert.is(readFileSync(join(dir, "governance.fms"), "utf8"), policy("full"));
  });

  await step("the agent asks over its socket, without the operator's variables", async () => {
    const { stdout: said, stderr: told } = await agent("--agent", "bot", "--", "node", "asks.mjs");
    assert.equal(JSON.parse(said || `{"told":${JSON.stringify(told)}}`), { effects: ["PERMIT", "DENY"], agent: "bot" });
    assert.match(told, /not passed on: .*GITHUB_TOKEN.*MY_TOKEN/);
    assert.not.match(told, /hidden/);
  });

  await step("it writes where it is given a folder, and in its own temporary one", async () => {
    mkdirSync(join(base, "out"));
    const script = `echo kept > ${join(base, "out/a")} && echo gone > /tmp/a && cat /tmp/a`;
    const { stdout: said, status: code } = await agent("--write", join(base, "out"), "--", "sh", "-c", script);
    assert.equal([said, code], ["gone\n", 0]);
    assert.is(readFileSync(join(base, "out/a"), "utf8"), "kept\n");
  });

  await step("a folder that opens the stack starts nothing", async () => {
    const { status: code, stderr: told } = await agent("--write", base, "--", "true");
    assert.is(code, 1);
    assert.match(told, /would open the stack itself/);
  });

  await step("without words, the policy's command is started; its exit code is the agent's", async () => {
    assert.is((await agent()).stdout, "/bin/sh is supervised\n");
    assert.is((await agent("--", "sh", "-c", "exit 7")).status, 7);
    assert.is((await agent("--", "sh", "-c", "kill -TERM $$")).status, 143);
  });

  await step("it goes out by the proxy alone, and its token ends with it", async () => {
    writeFileSync(
      join(dir, "governance.fms"),
      `runtime { http_proxy_port = 0 allow_private = true }
agent "bot" { default deny permit http/get path "/v1/*" permit http/connect port ${webPort} }
`,
    );
    assert.is((await faramesh(dir, "apply")).code, 0);
    const {
      stdout: said,
      stderr: told,
      status: code,
    } = await agent("--agent", "bot", "--", "/usr/bin/python3", "out.py", webPort);
    assert.is(code, 5, told);
    const found = { "/v1/a": [200, "web /v1/a"], "/v2/a": [403, "POLICY_DENY"], tunnel: "web /tunnel", direct: "held" };
    assert.equal(JSON.parse(said), found);
    const { stdout: tokens } = await faramesh(dir, "token", "list", "--format", "json");
    assert.equal((JSON.parse(tokens) as { tokens: unknown[] }).tokens, []);
    const { stderr: nameless } = await agent("--", "true");
    assert.match(nameless, /name the agent with --agent/);
  });

  await step("the profile `environment` fences nobody in, and says so", async () => {
    writeFileSync(join(dir, "governance.fms"), policy("environment"));
    assert.is((await faramesh(dir, "apply")).code, 0);
    const { stdout: said, stderr: told } = await agent("--", "cat", beside);
    assert.is(said, "secret");
    assert.match(told, /not fenced in/);
  });

  await step("another profile is refused by apply", async () => {
    writeFileSync(join(dir, "governance.fms"), policy("ful"));
    const { code, stderr: told } = await faramesh(dir, "apply");
    assert.is(code, 1);
    assert.match(told, /`agent_enforce_profile` is "full" or "environment"/);
  });
} finally {
  tcp.close();
  foreign.close();
  web.closeAllConnections();
  web.close();
  await stopDaemon(dir, process.env);
  rmSync(base, { recursive: true, force: true, maxRetries: 10 });
}
steps.end();
