// Providers under supervision: that they start, are seen to be down, come back with patience, and never hold up, fill up or tell tales.
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { ChildProvider } from "../../runtime/providers/child.ts";
import { Keeper, keeperTimes, type ProviderStatus } from "../../runtime/providers/keeper.ts";
import type { SecretRequest } from "../../runtime/providers/provider.ts";
import { Settings, type SettingValue } from "../../runtime/providers/settings.ts";
import { onStack } from "../runtime/stack-under-test.ts";

const script = fileURLToPath(new URL("child.mjs", import.meta.url));
const times = { ...keeperTimes, initMs: 3000, probeMs: 300, intervalMs: 40, pauseMs: 20, longestPauseMs: 80 };
const env = { PATH: process.env.PATH ?? "", PLANTED: "s3cret" };

const request = (path: string): SecretRequest => ({ path, agentId: "bot", toolId: "a", ttlSeconds: null });

function childOf(settings: Record<string, SettingValue>, onGone: () => void = () => {}): ChildProvider {
  const command = [process.execPath, script, ...(settings.end === "stay" ? ["stay"] : [])];
  return new ChildProvider(new Settings(new Map(Object.entries({ command, ...settings }))), { dir: "/", env, onGone });
}

/** A keeper of such a child, and every state that it went through. */
async function kept(
  settings: Record<string, SettingValue>,
  work: (keeper: Keeper, seen: string[]) => Promise<void>,
): Promise<void> {
  const seen: string[] = [];
  const onChange = (status: ProviderStatus, why: string | null): void => {
    seen.push(why === null ? status : `${status}: ${why}`);
  };
  const keeper = new Keeper({ make: (onGone) => childOf(settings, onGone), onChange, dev: false }, times);
  try {
    await keeper.start();
    await work(keeper, seen);
  } finally {
    await keeper.stop();
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const why = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no failure",
    (error: unknown) => String(error),
  );

test("A child answers what it is asked, and inherits nothing that could be a secret", async () => {
  await kept({ token: "t-1" }, async (keeper, seen) => {
    assert.equal(seen, ["ready"]);
    assert.equal([keeper.can("getSecret"), keeper.can("sign")], [true, false]);
    const secret = await keeper.ask(1000, async (provider) => provider.getSecret?.(request("x")));
    assert.equal(secret, { values: { token: "t-1" }, leaseSeconds: 60 });
    const environment = await keeper.ask(1000, async (provider) => provider.getSecret?.(request("environment")));
    assert.is(environment?.values.PLANTED, undefined);
    assert.ok(environment?.values.PATH);
  });
});

const failures: Readonly<Record<string, RegExp>> = {
  hang: /no answer within 300 ms/,
  other: /no answer within 300 ms|no answer$/,
  die: /its process has ended/,
  garbage: /no answer$/,
  long: /no answer$/,
  empty: /holds no secret/,
  number: /holds no secret/,
  refuse: /it refused: not_allowed/,
  shout: /it refused$/,
  absent: /it refused: not_found/,
};

test("A child that fails a question in any way tells no tales, and is there again for the next", async () => {
  await kept({}, async (keeper) => {
    const get = (path: string, timeoutMs: number): Promise<string> =>
      why(keeper.ask(timeoutMs, async (provider) => provider.getSecret?.(request(path))));
    for (const [path, pattern] of Object.entries(failures)) {
      const words = await get(path, 300);
      assert.match(words, pattern);
      assert.not.match(words, "s3cret");
      while ((await get("x", 1000)) !== "no failure") await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

for (const init of ["die", "garbage", "refuse"]) {
  test(`A child that ends its start with \`${init}\` is down, and tried again and again`, async () => {
    await kept({ init }, async (keeper, seen) => {
      assert.is(keeper.status, "down");
      assert.match(await why(keeper.ask(1000, async () => null)), "it is down");
      await until(() => keeper.restarts >= 2);
      assert.is(seen.length, 1, "one state, told once");
    });
  });
}

test("A child that stops to answer its probes is replaced by another", async () => {
  await kept({ probe: "hang", after: 2 }, async (keeper, seen) => {
    const pid = await keeper.ask(1000, async (provider) => provider.getSecret?.(request("pid")));
    await until(() => keeper.restarts > 0 && keeper.status === "ready");
    const other = await keeper.ask(1000, async (provider) => provider.getSecret?.(request("pid")));
    assert.is.not(other?.values.pid, pid?.values.pid);
    assert.equal(seen.slice(0, 3), ["ready", "down: no answer within 300 ms", "ready"]);
  });
});

test("A child that does not want to end is ended, and a program that is not there is down", async () => {
  let pid = 0;
  await kept({ end: "stay" }, async (keeper) => {
    const secret = await keeper.ask(1000, async (provider) => provider.getSecret?.(request("pid")));
    pid = Number(secret?.values.pid);
  });
  assert.throws(() => process.kill(pid, 0));
  await kept({ command: ["/nowhere/program"] }, async (keeper) => assert.is(keeper.status, "down"));
});

const policy = (providers: string): string => `${providers}\nagent "bot" {\n  default deny\n  permit search\n}\n`;

test("A provider is started with the policy, shown in status, put on record, and ended with the daemon", async () => {
  const words = `provider "own" { type = "process" command = ["${process.execPath}", "${script}"] token = env("TOKEN") }`;
  await onStack(
    policy(words),
    async (stack) => {
      const { providers } = await askOperator(stack.dir, "status", {});
      assert.is(
        JSON.stringify(providers),
        '[{"name":"own","restarts":0,"status":"ready","type":"process","why":null}]',
      );
      const marks = (await stack.records()).filter(({ kind }) => kind === "provider");
      assert.equal(
        marks.map(({ detail }) => JSON.stringify(detail)),
        ['{"name":"own","status":"ready","type":"process","why":null}'],
      );
      assert.not.match(JSON.stringify(await stack.records()), "s3cret");
    },
    { env: { TOKEN: "s3cret", PATH: env.PATH } },
  );
});

const refused: readonly (readonly [string, RegExp])[] = [
  ['type = "nothing"', /there is no kind `nothing` here/],
  ['type = "env-file"', /`file` is missing/],
  ['type = "env-file" file = "x" colour = "red"', /no setting `colour`/],
  ['type = "env-file" file = env("NOT_SET")', /variable NOT_SET for `file` is not set/],
  ['type = "env-file" file = "absent.env"', /does not exist/],
  ['type = "env-file" file = ".faramesh/x.env"', /no secrets are kept below \.faramesh/],
  ['type = "env-file" file = "link.env"', /is a link/],
  ['type = "env-file" file = "open.env"', /can be read by others/],
  ['type = "env-file" file = "."', /is no file|cannot be opened/],
  ['type = "process"', /`command` is missing/],
  ['type = "process" command = "/nowhere/program"', /its program cannot be started/],
];

test("apply refuses a policy whose provider does not start, and the policy before it goes on", async () => {
  await onStack(policy(""), async (stack) => {
    writeFileSync(join(stack.dir, "open.env"), "A=1\n");
    chmodSync(join(stack.dir, "open.env"), 0o644);
    symlinkSync(join(stack.dir, "open.env"), join(stack.dir, "link.env"));
    for (const [words, pattern] of refused) {
      const told = await why(stack.apply(policy(`provider "p" { ${words} }`)));
      assert.match(told, pattern);
      assert.match(told, "the provider `p` does not start");
    }
    assert.is((await stack.ask("search")).policy_version, "v1");
    assert.equal((await askOperator(stack.dir, "status", {})).providers, []);
  });
});

test("In dev mode a stub stands for what does not start, and the log says so", async () => {
  await onStack(
    policy('provider "p" { type = "nothing" }'),
    async (stack) => {
      const { providers } = await askOperator(stack.dir, "status", {});
      assert.equal([providers[0]?.status, providers[0]?.restarts], ["stub", 0]);
      const marks = (await stack.records()).filter(({ kind }) => kind === "provider" || kind === "dev");
      assert.is(marks.length, 2);
    },
    { dev: true },
  );
});

test.run();
