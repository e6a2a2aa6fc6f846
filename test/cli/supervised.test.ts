// Agents that the daemon starts on an operator's order, as real processes: what they get, how they end, and that they end with the
// daemon, whatever becomes of it. The policy strips the environment alone here; .ci/sandbox fences them in.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stopDaemon } from "../../cli/daemon.ts";
import type { RunView } from "../../runtime/doors/views.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { faramesh, farameshAsTyped } from "./in-process.ts";

const policy = `runtime { agent_enforce_profile = "environment" supervised_command = "echo supervised" }
agent "bot" { default deny permit search }
`;
const patienceMs = 60_000;

async function onDaemon(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "fms-supervised-")));
  process.env.PLANTED_VALUE = "planted";
  try {
    writeFileSync(join(dir, "governance.fms"), policy);
    const { code, stderr } = await faramesh(dir, "apply");
    assert.is(code, 0, stderr);
    await work(dir);
  } finally {
    delete process.env.PLANTED_VALUE;
    await stopDaemon(dir, process.env);
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function runsOf(dir: string, ...words: readonly string[]): Promise<readonly RunView[]> {
  const { code, stdout, stderr } = await faramesh(
    dir,
    "agent",
    ...words.slice(0, 2),
    "--format",
    "json",
    ...words.slice(2),
  );
  assert.is(code, 0, stderr);
  return (JSON.parse(stdout) as { runs: RunView[] }).runs;
}

async function launch(dir: string, ...command: readonly string[]): Promise<RunView> {
  const { code, stdout, stderr } = await launched(dir, ...command);
  assert.is(code, 0, stderr);
  return (JSON.parse(stdout) as { runs: [RunView] }).runs[0];
}

function launched(dir: string, ...command: readonly string[]): ReturnType<typeof faramesh> {
  const words = command.length === 0 ? [] : ["--", ...command];
  return farameshAsTyped("agent", "launch", "bot", "--dir", dir, "--format", "json", ...words);
}

async function until<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come: ${what}`);
}

function endOf(dir: string, { run }: RunView): Promise<RunView> {
  return until(`the end of ${run}`, async () => {
    const runs = await runsOf(dir, "runs");
    return runs.find((one) => one.run === run && one.state === "ended") ?? null;
  });
}

const outputOf = ({ output }: RunView): string => (existsSync(output) ? readFileSync(output, "utf8") : "");
const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

test("a launched agent runs with nothing of the daemon's environment, is listed, ends when it is told to, and all of it is on record", () =>
  onDaemon(async (dir) => {
    const code = `console.log(JSON.stringify(process.env)); setInterval(() => {}, 1000)`;
    const run = await launch(dir, process.execPath, "-e", code);
    assert.match(run.run, /^sup-[0-9a-f]{16}$/);
    const text = await until("its output", () => (outputOf(run).endsWith("\n") ? outputOf(run) : null));
    const env = JSON.parse(text) as Record<string, string>;
    assert.is(env.PLANTED_VALUE, undefined);
    assert.is(env.FARAMESH_AGENT_ID, "bot");
    assert.ok(existsSync(env.FARAMESH_SOCKET ?? ""));
    const [listed] = await runsOf(dir, "runs");
    assert.equal([listed?.run, listed?.state, listed?.agent_id], [run.run, "running", "bot"]);
    assert.is(statSync(run.output).mode & 0o077, 0);
    const [stopped] = await runsOf(dir, "stop", "bot");
    assert.is(stopped?.state, "ended");
    const again = await faramesh(dir, "agent", "stop", "bot");
    assert.is(again.code, 1);
    assert.match(again.stderr, /nothing runs that is called bot/);
    const marks = [];
    for await (const { value } of readRecords(stackPaths(dir).defaultWalDir)) {
      const { kind, detail } = value as unknown as { kind?: string; detail?: { change: string; program: string } };
      if (kind === "supervised") marks.push([detail?.change, detail?.program]);
    }
    assert.equal(
      marks,
      ["launched", "stopped", "ended"].map((change) => [change, process.execPath]),
    );
  }));

test("the policy's own command is started where none is named; how a run ended is listed", () =>
  onDaemon(async (dir) => {
    const own = await endOf(dir, await launch(dir));
    assert.equal([own.exit_code, own.program, outputOf(own)], [0, null, "supervised\n"]);
    assert.is((await endOf(dir, await launch(dir, "/bin/sh", "-c", "exit 3"))).exit_code, 3);
    const missing = await endOf(dir, await launch(dir, join(dir, "no-such-program")));
    assert.is(missing.exit_code, 1);
    assert.match(missing.said, /no-such-program does not exist/);
  }));

test("an agent that does not hear a signal is killed, with what it has started", () =>
  onDaemon(async (dir) => {
    const deaf = 'trap "" TERM; sleep 1000 & echo $! $$; while :; do sleep 0.1; done';
    const run = await launch(dir, "/bin/sh", "-c", deaf);
    const pids = await until("its processes", () =>
      outputOf(run).endsWith("\n") ? outputOf(run).trim().split(" ") : null,
    );
    const [stopped] = await runsOf(dir, "stop", run.run);
    assert.is(stopped?.state, "ended");
    await until("all of them gone", () => (pids.some((pid) => isThere(Number(pid))) ? null : true));
  }));

test("what an agent writes without end takes the room of two files", () =>
  onDaemon(async (dir) => {
    const run = await launch(dir, "yes", "x".repeat(1_000));
    await until("the first file full", () => (existsSync(`${run.output}.1`) ? true : null));
    await runsOf(dir, "stop", run.run);
    const folder = join(dir, ".faramesh/runtime/agents");
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    assert.ok(sizes.length === 2 && sizes.every((size) => size < 9 * 1024 * 1024), sizes.join());
  }));

test("a kill of the agent ends it, and a killed agent is not started", () =>
  onDaemon(async (dir) => {
    const run = await launch(dir, "sleep", "1000");
    assert.is((await faramesh(dir, "agent", "kill", "bot")).code, 0);
    assert.is((await endOf(dir, run)).state, "ended");
    const refused = await launched(dir, "sleep", "1000");
    assert.is(refused.code, 1);
    assert.match(refused.stdout, /bot is killed: nothing was started/);
  }));

for (const how of ["stops", "is killed"]) {
  test(`agents end when the daemon ${how}`, () =>
    onDaemon(async (dir) => {
      const run = await launch(dir, "/bin/sh", "-c", "echo $$; exec sleep 1000");
      const pid = Number(
        await until("its process", () => (outputOf(run).endsWith("\n") ? outputOf(run).trim() : null)),
      );
      assert.ok(isThere(pid));
      if (how === "stops") await stopDaemon(dir, process.env);
      else process.kill(Number(readFileSync(stackPaths(dir).pidFile, "utf8")), "SIGKILL");
      await until("its end", () => (isThere(pid) ? null : true));
    }));
}

test("an agent cannot start another", () =>
  onDaemon(async (dir) => {
    const message = {
      type: "supervisor",
      op: "launch",
      agent_id: "bot",
      command: ["touch", join(dir, "made")],
      working_dir: dir,
    };
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(stackPaths(dir).agentSocket, () => socket.write(`${JSON.stringify(message)}\n`));
      socket.once("data", (bytes) => {
        resolve(bytes.toString());
        socket.destroy();
      });
      socket.once("error", reject);
    });
    assert.match(answer, /OPERATOR_ONLY/);
    assert.is(existsSync(join(dir, "made")), false);
    assert.equal(await runsOf(dir, "runs"), []);
  }));

test.run();
