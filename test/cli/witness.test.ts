// The witness: what it signs and what it never does, by the protocol's words; and the command that asks one, against a log that
// was forked.
import { generateKeyPairSync, sign } from "node:crypto";
import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { askWitness, serveWitness } from "../../runtime/doors/witness.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { checkpointText } from "../../runtime/log/checkpoint.ts";
import { consistencyProof, Frontier, rootOf } from "../../runtime/log/merkle.ts";
import {
  parseNote,
  renderNote,
  signatureLine,
  signedBy,
  type VerifierKey,
  verifierKey,
} from "../../runtime/log/note.ts";
import { readPinnedKeys } from "../../runtime/pinned-keys.ts";
import { Witness } from "../../runtime/witness.ts";
import { onStack, StackUnderTest } from "../runtime/stack-under-test.ts";
import { cli, cliJson, RunningCli } from "./run-cli.ts";

const policy = `agent "bot" { default deny rules { permit search_docs } }`;
const made: string[] = [];
process.on("exit", () => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-witness-"));
  made.push(dir);
  return dir;
}

const now = (): number => 1_790_000_000;

function witnessIn(dir: string, logs: readonly VerifierKey[]): Witness {
  const key = new KeyFiles(nodeDisk, dir, "witness.key").current();
  return new Witness({ disk: nodeDisk, dir, name: "witness.example/w1", key, logs, now });
}

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const origin = "faramesh/log/test";
const logKey = verifierKey(origin, "log", Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
const leaves = Array.from({ length: 20 }, (_, index) => String(index).padStart(64, "0"));

const subtreeOf =
  (all: readonly string[]) =>
  (height: number, index: number): string => {
    const tree = new Frontier();
    for (const leaf of all.slice(index * 2 ** height, (index + 1) * 2 ** height)) tree.append(leaf);
    return tree.root();
  };

/** What a log with these leaves sends. */
function submission(all: readonly string[], from: number, size: number, old = from, key = logKey): string {
  const subtree = subtreeOf(all);
  const text = checkpointText({ origin: key.name, size, root: rootOf(size, subtree) });
  const note = renderNote(text, [signatureLine(key, sign(null, Buffer.from(text), privateKey))]);
  const proof = consistencyProof(from, size, subtree).map((hash) => `${Buffer.from(hash, "hex").toString("base64")}\n`);
  return `old ${old}\n${proof.join("")}\n${note}`;
}

test("K08 a witness signs what continues what it saw, across restarts, and nothing else", async () => {
  const dir = folder();
  let witness = witnessIn(dir, [logKey]);
  const send = async (body: string): Promise<readonly [number, string]> => {
    const { status, body: text } = await witness.addCheckpoint(Buffer.from(body));
    return [status, text];
  };
  const [status, line] = await send(submission(leaves, 0, 5));
  assert.is(status, 200);
  const note = parseNote(Buffer.from(submission(leaves, 0, 5).split("\n\n").slice(1).join("\n\n")));
  const cosigned = parseNote(Buffer.from(`${note?.text}\n${line}`));
  if (cosigned === null) throw new Error("no signature came");
  assert.equal(
    signedBy(cosigned, [witness.verifierKey])?.map(({ seconds }) => seconds),
    [now()],
  );
  assert.equal(await send(submission(leaves, 0, 9)), [409, "5\n"]);
  assert.is((await send(submission(leaves, 5, 5)))[0], 200, "the same once more");
  const forked = leaves.map((leaf, index) => (index === 4 ? leaf.replace("0", "f") : leaf));
  assert.is((await send(submission(forked, 5, 5)))[0], 422);
  assert.is((await send(submission(forked, 5, 12)))[0], 422);
  assert.is(readdirSync(dir).filter((name) => name.endsWith(".refused")).length, 1, "what it refused is kept");
  witness = witnessIn(dir, [logKey]);
  assert.is((await send(submission(leaves, 5, 12)))[0], 200);
  assert.equal(await send(submission(leaves, 5, 12)), [409, "12\n"]);
  assert.is((await send(submission(leaves, 3, 5, 12)))[0], 400, "older than what it saw");
  const unknown = verifierKey("faramesh/log/other", "log", Buffer.alloc(32, 9));
  assert.is((await send(submission(leaves, 12, 13, 12, unknown)))[0], 404);
  const false_ = submission(leaves, 12, 13).replace(/.{12}\n$/, "AAAAAAAAAAA=\n");
  assert.is((await send(false_))[0], 403);
  for (const bad of [
    "",
    "old 12\n",
    submission(leaves, 12, 13).replace("old 12", "old 012"),
    submission(leaves, 12, 13).replace("old 12", "old -1"),
    submission(leaves, 12, 13).replace("old 12\n", `old 12\n${"AAAA\n".repeat(3)}`),
    submission(leaves, 12, 13).replace("old 12\n", `old 12\n${`${Buffer.alloc(32).toString("base64")}\n`.repeat(64)}`),
    "x".repeat(200_000),
  ]) {
    assert.is((await send(bad))[0], 400, bad.slice(0, 40));
  }
  const both = await Promise.all([send(submission(leaves, 12, 14)), send(submission(leaves, 12, 13))]);
  assert.equal(
    both.map(([code]) => code),
    [200, 409],
    "of two at once the first in line wins",
  );
});

async function served(witness: Witness, work: (url: string, server: Server) => Promise<void>): Promise<void> {
  const server = await serveWitness(witness, "127.0.0.1", 0);
  try {
    const address = server.address();
    await work(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`, server);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("A31 a copy of the daemon's data that goes its own way is told by the witness of the original", async () => {
  await onStack(policy, async (stack) => {
    const logs = readPinnedKeys(join(stack.dir, "faramesh.vkey")) ?? [];
    const witness = witnessIn(folder(), logs);
    await served(witness, async (url) => {
      await stack.ask("search_docs");
      await askOperator(stack.dir, "checkpoint", {});
      assert.is((await cli(stack.dir, "audit", "witness", "--url", url)).code, 1, "no witness's key is pinned");
      appendFileSync(join(stack.dir, "faramesh.vkey"), `${witness.verifierKey.text}\n`);
      assert.is((await cli(stack.dir, "audit", "witness", "--url", url)).code, 0);
      const anchored = await cliJson(stack.dir, "audit", "verify");
      assert.equal([anchored.ok, Reflect.get(Object(anchored.unanchored), "records")], [true, 0]);
      await stack.stop();
      const copy = new StackUnderTest();
      try {
        cpSync(stack.dir, copy.dir, { recursive: true });
        await stack.start();
        await copy.start();
        await stack.ask("search_docs");
        await copy.ask("other");
        for (const one of [stack, copy]) await askOperator(one.dir, "checkpoint", {});
        assert.is((await cli(stack.dir, "audit", "witness", "--url", url)).code, 0);
        const { code, stderr } = await cli(copy.dir, "audit", "witness", "--url", url);
        assert.is(code, 5);
        assert.match(stderr, "another history");
      } finally {
        await copy.remove();
      }
    });
  });
});

test("witness serve listens, signs and ends when it is told to", async () => {
  await onStack(policy, async (stack) => {
    const words = [
      "--name",
      "witness.example/w2",
      "--logs",
      "faramesh.vkey",
      "--state",
      "witness",
      "--listen",
      "127.0.0.1:0",
    ];
    const running = new RunningCli(stack.dir, ["witness", "serve", ...words]);
    await running.until("key ");
    const url = /http:\S+/.exec(running.stdout)?.[0] ?? "";
    assert.is((await askWitness(new URL(url), "nothing")).status, 400);
    running.process.kill("SIGINT");
    assert.is((await running.ended).code, 0);
  });
});

test.run();
