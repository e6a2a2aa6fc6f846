// The log signed by a key on a PKCS #11 token: SoftHSM, the real daemon, the real command line. Run by .ci/token, which installs the
// token and its package. Each step prints a line; the last line counts.
import { execFileSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { stopDaemon } from "../../cli/daemon.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { spawnDaemon } from "../../runtime/launch.ts";
import { parseNote } from "../../runtime/log/note.ts";
import { faramesh } from "../cli/in-process.ts";
import { Steps } from "../steps.ts";

const [module = ""] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), "fms-token-"));
const tokens = join(dir, "tokens");
const pin = "4321-geheim";
const wal = join(dir, "faramesh-wal");
const keys = join(dir, ".faramesh/keys");
const policy = 'agent "bot" { default deny permit t }\n';
const steps = new Steps();
const { step } = steps;

const rotate = (...more: readonly string[]) =>
  faramesh(dir, "key", "rotate", "--pkcs11", module, "--token", "faramesh", ...more);

/** The note is signed by the last key of faramesh.vkey; the signature is checked by the platform alone. */
function checkSigned(): void {
  const lines = readFileSync(join(dir, "faramesh.vkey"), "utf8").trim().split("\n");
  const key = Buffer.from(/\+[0-9a-f]{8}\+(.+)$/.exec(lines.at(-1) ?? "")?.[1] ?? "", "base64").subarray(1);
  const note = parseNote(readFileSync(join(wal, "checkpoint")));
  const signature = Buffer.from(/ (\S+)\n$/.exec(readFileSync(join(wal, "checkpoint"), "utf8"))?.[1] ?? "", "base64");
  const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") };
  assert.ok(
    verify(null, Buffer.from(note?.text ?? ""), createPublicKey({ format: "jwk", key: jwk }), signature.subarray(4)),
  );
}

mkdirSync(tokens);
writeFileSync(join(dir, "softhsm.conf"), `directories.tokendir = ${tokens}\nobjectstore.backend = file\n`);
process.env.SOFTHSM2_CONF = join(dir, "softhsm.conf");
process.env.FARAMESH_TEST_PIN = pin;
execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "faramesh", "--so-pin", "12345678", "--pin", pin]);
const pinFile = join(dir, "pin");
writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });

try {
  writeFileSync(join(dir, "governance.fms"), policy);
  await spawnDaemon(dir);
  assert.is((await faramesh(dir, "apply")).code, 0);

  await step('`signing = "external"` is refused while a key file signs', async () => {
    writeFileSync(join(dir, "governance.fms"), `runtime { signing = "external" }\n${policy}`);
    const { code, stderr } = await faramesh(dir, "apply");
    assert.is(code, 1);
    assert.match(stderr, "key rotate --pkcs11");
  });

  await step("what is wrong with a token is said, and the key file stays in force", async () => {
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [["key", "rotate", "--pkcs11", module, "--token", "faramesh"], "--pin-env and --pin-file"],
      [
        ["key", "rotate", "--pkcs11", "/nowhere.so", "--token", "faramesh", "--pin-env", "FARAMESH_TEST_PIN"],
        "/nowhere.so",
      ],
      [
        ["key", "rotate", "--pkcs11", module, "--token", "other", "--pin-env", "FARAMESH_TEST_PIN"],
        "no token of that label",
      ],
      [["key", "rotate", "--pkcs11", module, "--token", "faramesh", "--pin-env", "PATH"], "CKR_PIN"],
      [["key", "rotate", "--pkcs11", module, "--token", "faramesh", "--pin-env", "NONE"], "holds no PIN"],
    ];
    for (const [words, said] of wrong) {
      const { code, stderr } = await faramesh(dir, ...words);
      assert.is.not(code, 0, words.join(" "));
      assert.match(stderr, said);
    }
    chmodSync(pinFile, 0o644);
    assert.match((await rotate("--pin-file", pinFile)).stderr, "can be read by others");
    chmodSync(pinFile, 0o600);
    assert.ok(existsSync(join(keys, "log.key")) && !existsSync(join(keys, "signer.json")));
    assert.is((await faramesh(dir, "key", "rotate")).code, 0);
    checkSigned();
  });

  await step("the key moves to the token, the old one goes, and the policy may ask for it", async () => {
    const { code, stderr } = await rotate("--pin-env", "FARAMESH_TEST_PIN");
    assert.is(code, 0, stderr);
    assert.not.ok(existsSync(join(keys, "log.key")));
    checkSigned();
    assert.is((await faramesh(dir, "apply")).code, 0);
    checkSigned();
  });

  await step("another rotation stays on the token and destroys the key before", async () => {
    const before = JSON.parse(readFileSync(join(keys, "signer.json"), "utf8")).current.id as string;
    assert.is((await faramesh(dir, "key", "rotate")).code, 0);
    assert.match((await rotate("--pin-env", "FARAMESH_TEST_PIN")).stderr, "already");
    checkSigned();
    const { current, next } = JSON.parse(readFileSync(join(keys, "signer.json"), "utf8"));
    assert.ok(current.id !== before && next === null);
  });

  await step("a daemon started again signs on, and everything verifies", async () => {
    await stopDaemon(dir, process.env);
    await spawnDaemon(dir);
    const { size } = await askOperator(dir, "checkpoint", {});
    assert.ok(size > 0);
    checkSigned();
    const { code, stdout, stderr } = await faramesh(dir, "audit", "verify");
    assert.is(code, 0, stdout + stderr);
  });

  await step("while the token is away decisions go on, checkpoints are owed and made up for", async () => {
    await stopDaemon(dir, process.env);
    renameSync(tokens, `${tokens}-away`);
    mkdirSync(tokens);
    await spawnDaemon(dir);
    const status = await faramesh(dir, "status", "--format", "json");
    assert.is(JSON.parse(status.stdout).daemon.state, "READY");
    rmSync(tokens, { recursive: true });
    renameSync(`${tokens}-away`, tokens);
    for (let turn = 0; turn < 100; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { stdout } = await faramesh(dir, "audit", "verify", "--format", "json");
      const { ok, tree } = JSON.parse(stdout);
      if (ok && tree?.checkpoint_due === false) break;
    }
    const { size } = await askOperator(dir, "checkpoint", {});
    assert.ok(size > 0);
    checkSigned();
    assert.is((await faramesh(dir, "audit", "verify")).code, 0);
  });

  await step("the PIN stands in no file of the stack", () => {
    const found = execFileSync("grep", ["-rlF", pin, dir], { encoding: "utf8" }).trim().split("\n");
    assert.equal(found, [pinFile]);
  });
} finally {
  await stopDaemon(dir, process.env);
  rmSync(dir, { recursive: true, force: true });
}
steps.end();
process.exit();
