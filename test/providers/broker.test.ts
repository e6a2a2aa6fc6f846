// Secrets for single calls: who gets them and when, what is given back where they cannot be had, and that they are found nowhere else.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { type Credential, credentialOf, governedTools, SocketTransport } from "../../runtime/sdk/index.ts";
import { DaemonProcess } from "../runtime/daemon-process.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const script = fileURLToPath(new URL("child.mjs", import.meta.url));
const planted = "pl4nted-s3cret-9f27c1";
const own = `provider "own" { type = "process" command = ["${process.execPath}", "${script}"] token = env("TOKEN") }`;
const env = { TOKEN: planted, PATH: process.env.PATH ?? "" };

const policy = (path: string, more = "", runtime = ""): string => `${runtime}
${own}
agent "bot" {
  default deny
  permit stripe/*
  permit search
  defer payout
  budget daily { max_calls = 1 tools = ["stripe/refund", "payout"] }
  credential stripe { backend own path "${path}" scope "stripe/*" scope "payout" ttl 15m }
  ${more}
}`;

async function untilReady({ dir }: StackUnderTest): Promise<void> {
  while ((await askOperator(dir, "status", {})).providers.some(({ status }) => status !== "ready"))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

const refund = { type: "govern", agent_id: "bot", tool_id: "stripe/refund", args: {}, call_id: "c-1" };

test("A permitted call gets its secret, a deferred, denied or uncovered one does not, and the record has the reference", async () => {
  await onStack(
    policy("x"),
    async (stack) => {
      const [answer, again] = [...(await stack.send(refund)), ...(await stack.send(refund))];
      assert.equal([answer?.effect, answer?.credential?.values.token], ["PERMIT", planted]);
      assert.equal([answer?.credential?.id, answer?.credential?.ref], ["stripe", "own:stripe"]);
      assert.match(answer?.credential?.expires_at ?? "", /^\d{4}-/);
      assert.equal([again?.action_id, again?.credential?.values.token], [answer?.action_id, planted]);
      const others = await stack.send({ ...refund, call_id: "c-2" }, { ...refund, tool_id: "search", call_id: "c-3" });
      assert.equal(
        others.map(({ reason_code, credential }) => [reason_code, credential]),
        [
          ["BUDGET_EXCEEDED", undefined],
          ["POLICY_PERMIT", undefined],
        ],
      );
      assert.is((await stack.ask("payout")).credential, undefined);
      const records = await stack.records();
      assert.is(records.find(({ tool }) => tool === "stripe/refund")?.credential_ref, "own:stripe");
      assert.not.match(JSON.stringify(records), planted);
      await stack.restart();
      await untilReady(stack);
      const [late] = await stack.send(refund);
      assert.equal([late?.action_id, late?.credential?.values.token], [answer?.action_id, planted]);
    },
    { env },
  );
});

test("A secret that cannot be had denies the call, is on record, and gives budget and approval back", async () => {
  await onStack(
    policy("refuse"),
    async (stack) => {
      const [first, again] = [...(await stack.send(refund)), ...(await stack.send(refund))];
      assert.equal(
        [first?.effect, first?.reason_code, first?.credential],
        ["DENY", "CREDENTIAL_UNAVAILABLE", undefined],
      );
      assert.match(first?.reason ?? "", "the provider `own`: it refused: not_allowed");
      assert.not.match(JSON.stringify(first), "s3cret");
      assert.equal([again?.effect, again?.action_id], ["DENY", first?.action_id], "sent again it is no permit");
      const { approval_id } = await stack.ask("payout");
      await stack.approve(approval_id);
      assert.is((await stack.ask("payout")).reason_code, "CREDENTIAL_UNAVAILABLE", "the budget's one call was back");
      assert.is((await stack.ask("payout")).reason_code, "CREDENTIAL_UNAVAILABLE", "and so was the approval");
      const outcomes = (await stack.records()).filter(({ type }) => type === "outcome");
      assert.equal(
        outcomes.map(({ status, provider, actor }) => [status, provider, actor]),
        Array(3).fill(["credential_unavailable", "own", "daemon"]),
      );
      await stack.restart();
      assert.is((await stack.send(refund))[0]?.effect, "DENY", "nor after a start");
      await untilReady(stack);
      await stack.apply(policy("x"));
      const good = await stack.ask("payout");
      assert.equal([good.effect, good.credential?.values.token], ["PERMIT", planted]);
      assert.is((await stack.ask("payout")).effect, "DEFER");
    },
    { env },
  );
});

test("In audit mode a call runs without the secret that could not be had, and keeps its charge", async () => {
  await onStack(
    policy("refuse", "", 'runtime { mode = "audit" }'),
    async (stack) => {
      const [answer] = await stack.send(refund);
      assert.equal([answer?.effect, answer?.credential], ["PERMIT", undefined]);
      const outcome = (await stack.records()).find(({ type }) => type === "outcome");
      assert.is(outcome?.status, "credential_unavailable");
      const next = await stack.ask("stripe/refund");
      assert.equal([next.effect, next.would], ["PERMIT", "DENY"]);
    },
    { env },
  );
});

test("A governed tool of the SDK gets the secret of its call, by its arguments or around it", async () => {
  await onStack(
    policy("x").replace(/budget.*\n/, ""),
    async (stack) => {
      const around: unknown[] = [];
      const seen = (args: object): string | undefined => credentialOf(args)?.values.get("token");
      const options = {
        agentId: "bot",
        transport: new SocketTransport({ path: stack.daemon.places.agent }),
        withCredential: (credential: Credential, run: () => unknown) => {
          around.push(credential.id);
          return run();
        },
      };
      const tools = governedTools({ "stripe/refund": seen, search: seen }, options);
      assert.equal([await tools["stripe/refund"]({ a: 1 }), await tools.search({ a: 1 })], [planted, undefined]);
      assert.equal(around, ["stripe"]);
      assert.is(credentialOf({ a: 1 }), undefined);
    },
    { env },
  );
});

test("preview asks nobody, probe asks as a call would, tells names alone and is on record", async () => {
  await onStack(
    policy("x", 'credential other { backend own path "refuse" scope "search" }'),
    async (stack) => {
      const { dir } = stack;
      const { credentials } = await askOperator(dir, "credentials_list", { agent_id: "bot", tool: "stripe/a" });
      assert.equal(
        credentials.map(({ id, ref, path, ttl_seconds }) => [id, ref, path, ttl_seconds]),
        [["stripe", "own:stripe", "x", 900]],
      );
      const order = { agent_id: "bot", actor: "tester" };
      const good = await askOperator(dir, "credential_probe", { ...order, id: "stripe" });
      assert.equal([good.obtained, [...good.names], good.why], [true, ["token"], null]);
      const bad = await askOperator(dir, "credential_probe", { ...order, id: "other" });
      assert.equal([bad.obtained, bad.why], [false, "the provider `own`: it refused: not_allowed"]);
      assert.match(
        await askOperator(dir, "credential_probe", { ...order, id: "none" }).then(String, String),
        "no such",
      );
      const marks = (await stack.records()).filter(({ kind }) => kind === "credential_probe");
      assert.is(marks.length, 2);
      assert.not.match(JSON.stringify([credentials, good, bad, marks]), planted);
    },
    { env },
  );
});

test("In dev mode a stub without values stands for a secret that nobody has", async () => {
  await onStack(
    policy("x").replace(own, ""),
    async (stack) => {
      const { credential } = await stack.ask("stripe/refund");
      assert.equal(credential, { id: "stripe", ref: "dev-stub:stripe", values: {}, expires_at: null, stub: true });
    },
    { dev: true },
  );
});

test("A provider killed under load: every call gets its secret or is denied, the log verifies, and it comes back", async () => {
  await onStack(
    policy("pid").replace(/budget.*\n/, ""),
    async (stack) => {
      let pid = (await stack.ask("stripe/a")).credential?.values.pid;
      for (let round = 0; round < 2; round++) {
        const line = (index: number): object => ({ ...refund, tool_id: "stripe/a", call_id: `r${round}-${index}` });
        const lines = Array.from({ length: 60 }, (_, index) => line(index) as Record<string, unknown>);
        const under = stack.send(...lines);
        process.kill(Number(pid), "SIGKILL");
        for (const answer of await under) {
          if (answer.effect === "PERMIT") assert.ok(answer.credential?.values.pid);
          else assert.is(answer.reason_code, "CREDENTIAL_UNAVAILABLE");
        }
        for (let next = await stack.ask("stripe/a"); ; next = await stack.ask("stripe/a")) {
          pid = next.credential?.values.pid;
          if (next.effect === "PERMIT") break;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      const records = await stack.records();
      const turnedDown = new Set(records.filter(({ type }) => type === "outcome").map(({ action_id }) => action_id));
      for (const { type, effect, credential_ref } of records)
        if (type === "decision" && effect === "permit") assert.is(credential_ref, "own:stripe");
      assert.ok(turnedDown.size <= 120);
      assert.ok(records.some(({ kind, detail }) => kind === "provider" && JSON.stringify(detail).includes('"down"')));
    },
    { env },
  );
});

/** Every file below, as far as it can be read. */
function* files(dir: string): Generator<string> {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() === true) yield* files(path);
    else if (stats?.isFile() === true) yield path;
  }
}

test("I05 I06 a planted secret is in the answer and nowhere else: log, stack directory, journal, processes, environment", async () => {
  const away = mkdtempSync(join(tmpdir(), "faramesh-secret-"));
  const file = join(away, "dev.env");
  writeFileSync(file, `STRIPE_KEY="${planted}"\n`, { mode: 0o600 });
  const text = `provider "files" { type = "env-file" file = "${file}" }
agent "bot" { permit stripe/* credential stripe { backend files path STRIPE_KEY } credential other { path ABSENT } permit other }`;
  const daemon = await DaemonProcess.start(text);
  try {
    const [answer, other] = [await daemon.ask("stripe/refund"), await daemon.ask("other")];
    assert.is(answer?.credential?.values.STRIPE_KEY, planted);
    assert.is(other?.reason_code, "CREDENTIAL_UNAVAILABLE");
    const status = await askOperator(daemon.dir, "status", {});
    assert.not.match(JSON.stringify([status, other]), planted);
    let count = 0;
    for (const path of files(daemon.dir)) {
      assert.not.ok(readFileSync(path).includes(planted), path);
      count += 1;
    }
    assert.ok(count > 5, "there was something to search");
    assert.not.match(execFileSync("ps", ["axww"], { encoding: "utf8" }), planted);
    const proc = `/proc/${daemon.child.pid}`;
    if (existsSync(proc))
      for (const name of ["environ", "cmdline"]) assert.not.match(readFileSync(join(proc, name), "latin1"), planted);
  } finally {
    await daemon.remove();
    rmSync(away, { recursive: true, force: true });
  }
});

test.run();
