// `faramesh service`: the unit that it writes starts the daemon with the version that was in force, where it was in force.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { faramesh, inFolder } from "./in-process.ts";

const turnsMax = 400;
const turnMs = 25;

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let turn = 0; turn < turnsMax; turn++) {
    if (await holds()) return;
    await pause(turnMs);
  }
  throw new Error(`${what} did not come about`);
}

test("without a policy in force there is nothing to install", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), 'agent "a" { default deny permit t }\n');
    const { code, stderr } = await faramesh(dir, "service", "install");
    assert.is(code, 1);
    assert.match(stderr, "faramesh apply");
    assert.is((await faramesh(dir, "service", "uninstall", "--manager", "systemd")).code, 1);
    assert.is((await faramesh(dir, "service", "install", "--manager", "cron")).code, 1);
  }));

test("the unit's command brings back the log, the durability and the version of before, whatever the file says", () =>
  inFolder(async (dir) => {
    const log = mkdtempSync(join(tmpdir(), "faramesh-log-"));
    const policy = `runtime { wal_dir = "${log}" durability = "async" }\nagent "a" { default deny permit t }\n`;
    writeFileSync(join(dir, "governance.fms"), policy);
    assert.is((await faramesh(dir, "apply")).code, 0);
    const dry = await faramesh(dir, "service", "install", "--manager", "systemd", "--dry-run");
    assert.is(dry.code, 0, dry.stderr);
    assert.is(existsSync(join(dir, ".config")), false);
    const { code, stdout } = await faramesh(dir, "service", "install", "--manager", "systemd", "--format", "json");
    assert.is(code, 0);
    type Unit = { path: string; text: string };
    const { path, text, socket, written } = JSON.parse(stdout) as Unit & { socket: Unit; written: boolean };
    assert.is(written, true);
    assert.equal(
      [path, socket.path].map((file) => readFileSync(file, "utf8")),
      [text, socket.text],
    );
    assert.is(`${dry.stdout.trimEnd()}\n`, `${text}\n${socket.text}`);
    const before = await askOperator(dir, "status", {});
    assert.is(/^ListenStream=(.*)$/m.exec(socket.text)?.[1], before.daemon.socket);
    const told = await faramesh(dir, "service", "install", "--manager", "systemd");
    assert.match(told.stdout, "where no unit started it, first end it: faramesh apply --stop");
    assert.is((await faramesh(dir, "apply", "--stop")).code, 0);
    writeFileSync(join(dir, "governance.fms"), 'agent "a" { default permit }\n');
    const words = [...(/^ExecStart=(.*)$/m.exec(text)?.[1] ?? "").matchAll(/"([^"]*)"/g)].map(([, word]) => word ?? "");
    const child = spawn(words[0] ?? "", words.slice(1), { stdio: "ignore" });
    try {
      const running = async () => {
        const { daemon } = await askOperator(dir, "status", {});
        return daemon.state === "READY" ? daemon : null;
      };
      await until("a daemon", async () => (await running().catch(() => null)) !== null);
      const daemon = await running();
      assert.equal(
        [daemon?.pid, daemon?.policy_version, daemon?.image_hash, daemon?.wal.dir],
        [child.pid, "v1", before.daemon.image_hash, log],
      );
      const journal = join(dir, ".faramesh/runtime/daemon.log");
      renameSync(journal, `${journal}.old`);
      child.kill("SIGHUP");
      await until("a new daemon.log", () => existsSync(journal));
      assert.is(child.exitCode, null);
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      assert.equal(await ended, [0, null]);
    } finally {
      child.kill("SIGKILL");
      rmSync(log, { recursive: true, force: true });
    }
    assert.is((await faramesh(dir, "service", "uninstall", "--manager", "systemd")).code, 0);
    assert.equal([existsSync(path), existsSync(socket.path)], [false, false]);
  }));

test.run();
