// The Merkle tree against the test data of others, against the definition in RFC 6962 written out, and against lies.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  consistencyProof,
  emptyRoot,
  Frontier,
  includes,
  inclusionProof,
  isConsistent,
  rootOf,
} from "../../runtime/log/merkle.ts";

const corpora = process.env.FARAMESH_CORPORA ?? fileURLToPath(new URL("../../../shared/corpora", import.meta.url));
const folder = join(corpora, "merkle");
const hasCorpora = existsSync(folder);
if (!hasCorpora) {
  if (process.env.CI) throw new Error(`test data is absent: ${folder}`);
  console.log("skipped: Merkle proofs (98 of inclusion, 98 of consistency): no corpora");
}

type Vector = { readonly [name: string]: unknown };

function vectors(kind: string): readonly { readonly name: string; readonly value: Vector }[] {
  if (!hasCorpora) return [];
  const names = readdirSync(join(folder, kind), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({ name, value: JSON.parse(readFileSync(join(folder, kind, name), "utf8")) as Vector }));
}

const hex = (value: unknown): string => Buffer.from(String(value), "base64").toString("hex");
const hexes = (value: unknown): string[] => (Array.isArray(value) ? value.map(hex) : []);

test("K10 proofs of others: all good ones hold and no bad one", () => {
  const counts = { inclusion: 0, consistency: 0 };
  for (const { name, value } of vectors("inclusion")) {
    const proof = hexes(value.proof);
    const [index, size] = [Number(value.leafIdx), Number(value.treeSize)];
    const holds = includes({ index, size, leaf: hex(value.leafHash), root: hex(value.root), proof });
    assert.is(holds, value.wantErr === false, `inclusion ${name}`);
    counts.inclusion++;
  }
  for (const { name, value } of vectors("consistency")) {
    const [fromSize, size] = [Number(value.size1), Number(value.size2)];
    const [fromRoot, root, proof] = [hex(value.root1), hex(value.root2), hexes(value.proof)];
    assert.is(isConsistent({ fromSize, fromRoot, size, root, proof }), value.wantErr === false, `consistency ${name}`);
    counts.consistency++;
  }
  if (hasCorpora) assert.equal(counts.inclusion + counts.consistency, 196);
});

/** MTH of RFC 6962, section 2.1, as it stands there. */
function definition(leaves: readonly string[]): string {
  if (leaves.length === 0) return createHash("sha256").digest("hex");
  if (leaves.length === 1) return leaves[0] ?? "";
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const [left, right] = [definition(leaves.slice(0, split)), definition(leaves.slice(split))];
  return createHash("sha256")
    .update(Buffer.concat([Buffer.of(1), Buffer.from(left, "hex"), Buffer.from(right, "hex")]))
    .digest("hex");
}

const leaves = Array.from({ length: 70 }, (_, index) => createHash("sha256").update(`${index}`).digest("hex"));
const subtree = (height: number, index: number): string =>
  definition(leaves.slice(index * 2 ** height, (index + 1) * 2 ** height));
const roots = Array.from({ length: leaves.length + 1 }, (_, size) => definition(leaves.slice(0, size)));

test("the growing tree and the tree read from its subtrees have the roots of the definition", () => {
  const tree = new Frontier();
  assert.is(tree.root(), emptyRoot);
  for (const [index, leaf] of leaves.entries()) {
    tree.append(leaf, (height, hash) => {
      assert.is(hash, subtree(height, (index + 1) / 2 ** height - 1));
    });
    assert.is(tree.root(), roots[index + 1]);
    assert.is(rootOf(index + 1, subtree), roots[index + 1]);
  }
  assert.is(rootOf(0, subtree), emptyRoot);
});

test("K10 every entry of every tree is proved, and no other entry by the same proof", () => {
  for (let size = 1; size <= leaves.length; size++) {
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(index, size, subtree);
      const claim = { index, size, leaf: leaves[index] ?? "", root: roots[size] ?? "", proof };
      assert.ok(includes(claim), `${index} of ${size}`);
      for (const other of [
        index - 1,
        index + 1,
        index ^ 2,
        size,
        size + index,
        -index - 1,
        index + 0.5,
        index + 2 ** 53,
      ]) {
        assert.not.ok(includes({ ...claim, index: other }), `${index} of ${size} as ${other}`);
      }
      for (const other of [0, -size, size + 0.5, 2 ** 63, Number.NaN])
        assert.not.ok(includes({ ...claim, size: other }));
      assert.not.ok(includes({ ...claim, proof: [...proof, emptyRoot] }));
      assert.not.ok(includes({ ...claim, proof: [emptyRoot, ...proof] }));
      if (proof.length > 0) assert.not.ok(includes({ ...claim, proof: proof.slice(1) }));
    }
    assert.throws(() => inclusionProof(size, size, subtree), RangeError);
  }
});

test("K10 every tree is proved to begin every later one, and no other tree is", () => {
  for (let size = 1; size <= leaves.length; size++) {
    for (let fromSize = 1; fromSize <= size; fromSize++) {
      const proof = consistencyProof(fromSize, size, subtree);
      const claim = { fromSize, fromRoot: roots[fromSize] ?? "", size, root: roots[size] ?? "", proof };
      assert.ok(isConsistent(claim), `${fromSize} to ${size}`);
      assert.not.ok(isConsistent({ ...claim, fromRoot: emptyRoot }));
      assert.not.ok(isConsistent({ ...claim, root: emptyRoot }));
      assert.not.ok(isConsistent({ ...claim, proof: [...proof, emptyRoot] }));
      for (const other of [fromSize - 1, fromSize + 1, fromSize * 2, fromSize / 2, 2 ** 63]) {
        assert.not.ok(isConsistent({ ...claim, fromSize: other }), `${fromSize} to ${size} as from ${other}`);
      }
    }
    assert.equal(consistencyProof(0, size, subtree), []);
    assert.throws(() => consistencyProof(size + 1, size, subtree), RangeError);
  }
});

test("K10 a proof of more hashes than any tree has levels does not hold", () => {
  const proof = Array.from({ length: 64 }, () => emptyRoot);
  const size = Number.MAX_SAFE_INTEGER;
  assert.not.ok(includes({ index: 5, size, leaf: emptyRoot, root: emptyRoot, proof }));
  assert.not.ok(isConsistent({ fromSize: 5, fromRoot: emptyRoot, size, root: emptyRoot, proof }));
});

test.run();
