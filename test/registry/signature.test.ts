// Signatures by themselves: what is signed is held, byte for byte; and keys with which anybody can sign are worth nothing,
// although node's verification takes them.
import { createPublicKey, verify } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkSignature, keyIdOf, publicKeyText, readPublicKey, sha256Of } from "../../runtime/registry/signature.ts";
import { newKey } from "./liar.ts";

const info = Buffer.from("302a300506032b6570032100", "hex");
const subject = "packs.example/pay@1.0.0/pack.fms";
const bytes = Buffer.from("permit pay\n");

/** The points of order 1, 2, 4 and 8 and their other spellings, each with and without the sign. */
const weak = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
].flatMap((hex) => {
  const [plain, signed] = [Buffer.from(hex, "hex"), Buffer.from(hex, "hex")];
  signed[31] = (signed[31] ?? 0) | 0x80;
  return [plain, signed];
});

function fileOf(key: Buffer, value: Buffer): Buffer {
  const [value_b64, public_key_b64] = [value.toString("base64"), key.toString("base64")];
  return Buffer.from(JSON.stringify({ key_id: keyIdOf(key), algorithm: "ed25519", value_b64, public_key_b64 }));
}

for (const key of weak) {
  test(`J08 the key ${key.toString("hex").slice(0, 8)}…${key.toString("hex").slice(-2)} vouches for nothing`, () => {
    const publicKey = createPublicKey({ key: Buffer.concat([info, key]), format: "der", type: "spki" });
    let forged = 0;
    for (let index = 0; index < 40; index++) {
      const text = Buffer.concat([bytes, Buffer.of(index)]);
      const statement = Buffer.from(`faramesh.signed/1\n${subject}\nsha256:${sha256Of(text)}\n`);
      for (const point of weak) {
        const value = Buffer.concat([point, Buffer.alloc(32)]);
        if (!verify(null, statement, publicKey, value)) continue;
        forged += 1;
        const checked = checkSignature(fileOf(key, value), subject, text, [key]);
        assert.equal(checked, { problem: "is signed by a key with which anybody can sign" });
      }
    }
    assert.ok(forged > 0, "node takes a forged signature of this key");
  });
}

test("J08 every bit of a signature's value counts, and so does S beyond the order of the group", () => {
  const { publisher } = newKey();
  const keys = [publisher.publicKey];
  const good = publisher.sign(subject, bytes);
  assert.equal(checkSignature(good, subject, bytes, keys), { keyId: keyIdOf(publisher.publicKey) });
  const { value_b64 } = JSON.parse(Buffer.from(good).toString());
  const value = Buffer.from(value_b64, "base64");
  for (let bit = 0; bit < 512; bit++) {
    const changed = Buffer.from(value);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.ok("problem" in checkSignature(fileOf(Buffer.from(publisher.publicKey), changed), subject, bytes, keys));
  }
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let s = 0n;
  for (let index = 31; index >= 0; index--) s = (s << 8n) | BigInt(value[32 + index] ?? 0);
  const beyond = Buffer.from(value);
  for (let index = 0, rest = s + order; index < 32; index++, rest >>= 8n) beyond[32 + index] = Number(rest & 0xffn);
  assert.ok("problem" in checkSignature(fileOf(Buffer.from(publisher.publicKey), beyond), subject, bytes, keys));
});

test("J07 a signature's file is taken in its one form alone", () => {
  const { publisher } = newKey();
  const keys = [publisher.publicKey];
  const good = JSON.parse(Buffer.from(publisher.sign(subject, bytes)).toString());
  const spoiled: readonly object[] = [
    { ...good, algorithm: "Ed25519" },
    { ...good, algorithm: "ed25519ph" },
    { ...good, algorithm: ["ed25519"] },
    { ...good, hash: "sha1" },
    { ...good, key_id: good.key_id.toUpperCase().replace(/^./, "G") },
    { ...good, key_id: "0".repeat(16) },
    { ...good, value_b64: `${good.value_b64} ` },
    { ...good, value_b64: good.value_b64.replace(/=+$/, "") },
    { ...good, value_b64: [good.value_b64] },
    { ...good, public_key_b64: good.public_key_b64.replace(/=$/, "") },
    { ...good, value_b64: "" },
    [good],
  ];
  for (const one of spoiled) {
    const checked = checkSignature(Buffer.from(JSON.stringify(one)), subject, bytes, keys);
    assert.ok("problem" in checked, JSON.stringify(one));
  }
  for (const text of ["", "null", "{", JSON.stringify(good).replace("}", ',"algorithm":"ed25519"}'), " ".repeat(5000)])
    assert.ok("problem" in checkSignature(Buffer.from(text), subject, bytes, keys), text);
  assert.ok("problem" in checkSignature(Buffer.from(JSON.stringify(good)), subject, bytes, []));
});

test("a key is read in both forms that `trust` takes, and in no other", () => {
  const { publisher, text } = newKey();
  const withInfo = Buffer.concat([info, publisher.publicKey]).toString("base64");
  assert.equal(readPublicKey(text), Buffer.from(publisher.publicKey));
  assert.equal(readPublicKey(`ed25519:${withInfo}`), Buffer.from(publisher.publicKey));
  assert.is(publicKeyText(readPublicKey(`ed25519:${withInfo}`) ?? Buffer.of()), text);
  for (const other of [
    "",
    text.slice(8),
    text.replace("ed25519", "rsa"),
    `${text}=`,
    text.slice(0, -2),
    `ed25519:${"A".repeat(59)}=`,
  ])
    assert.is(readPublicKey(other), null, other);
});

test.run();
