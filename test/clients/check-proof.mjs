// Checks a proof file with a verifier key, knowing the public formats (C2SP tlog-proof, tlog-checkpoint, signed-note; RFC 6962)
// and nothing of this project: node check-proof.mjs FILE VKEY. Prints the record, or says what is wrong and exits with 1.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [file, vkey] = process.argv.slice(2);
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const fail = (why) => {
  console.error(why);
  process.exit(1);
};

const text = readFileSync(file, "utf8");
const [proof, ...noteParts] = text.split("\n\n");
const note = noteParts.join("\n\n");
const lines = proof.split("\n");
if (lines.shift() !== "c2sp.org/tlog-proof@v1") fail("not a proof");
const entry = Buffer.from(lines.shift().replace(/^extra /, ""), "base64");
let index = BigInt(lines.shift().replace(/^index /, ""));

const body = `${note.split("\n\n")[0]}\n`;
const [origin, sizeText, rootText] = body.split("\n");

// The hashes on the way up, from the numbers of the leaf and of the last leaf.
let last = BigInt(sizeText) - 1n;
let hash = sha256(Buffer.of(0), entry);
for (const line of lines) {
  const sibling = Buffer.from(line, "base64");
  while (index === last && index % 2n === 0n && last > 0n) [index, last] = [index >> 1n, last >> 1n];
  hash = index % 2n === 1n ? sha256(Buffer.of(1), sibling, hash) : sha256(Buffer.of(1), hash, sibling);
  [index, last] = [index >> 1n, last >> 1n];
}
while (last > 0n && index === last && index % 2n === 0n) [index, last] = [index >> 1n, last >> 1n];
if (last !== 0n || hash.toString("base64") !== rootText) fail("the record is not in the tree");

const [name, keyId, ...rest] = vkey.split("+");
const keyBytes = Buffer.from(rest.join("+"), "base64");
if (name !== origin || keyBytes[0] !== 1) fail("the key is not this log's");
const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), keyBytes.subarray(1)]);
const key = createPublicKey({ key: der, format: "der", type: "spki" });
const isSigned = note
  .split("\n")
  .filter((line) => line.startsWith(`— ${name} `))
  .map((line) => Buffer.from(line.split(" ")[2], "base64"))
  .some((bytes) => bytes.toString("hex", 0, 4) === keyId && verify(null, Buffer.from(body), key, bytes.subarray(4)));
if (!isSigned) fail("the key has not signed the checkpoint");
console.log(entry.toString("utf8"));
