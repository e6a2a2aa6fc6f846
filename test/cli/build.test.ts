// `faramesh build`: the files it writes, what it refuses, and that what it wrote decides.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { moduleOf } from "../../runtime/evaluator/carried.ts";
import { loadPolicySync, type Policy } from "../../runtime/evaluator/index.ts";
import { faramesh, inFolder } from "./in-process.ts";

const text = 'agent "a" { default deny permit t if n < 5 }\n';
const call = { agent_id: "a", tool_id: "t", args: { n: 4 } };

test("a module decides; a second build writes the same bytes in its place", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), text);
    const { code, stdout } = await faramesh(dir, "build", "--target", "wasm", "--out", "p.wasm");
    assert.is(code, 0);
    assert.match(stdout, /p\.wasm \([\d,]+ bytes\) written, policy [0-9a-f]{8}/);
    const bytes = readFileSync(join(dir, "p.wasm"));
    assert.is(loadPolicySync(moduleOf(Uint8Array.from(bytes))).decide(call, { now: 0 }).effect, "permit");
    assert.is((await faramesh(dir, "build", "--target", "wasm", "--out", "p.wasm")).code, 0);
    assert.ok(bytes.equals(readFileSync(join(dir, "p.wasm"))));
    assert.is(statSync(join(dir, "p.wasm")).mode & 0o600, 0o600);
  }));

test("an ES module is imported and decides, with types beside it", () =>
  inFolder(async (dir) => {
    mkdirSync(join(dir, "policies"));
    writeFileSync(join(dir, "policies", "edge.fms"), text);
    const { code } = await faramesh(dir, "build", "--target", "esm", "--out", "p.mjs", "policies/edge.fms");
    assert.is(code, 0);
    const built = (await import(pathToFileURL(join(dir, "p.mjs")).href)) as {
      policy: Policy;
      open: (options: { state: "volatile" }) => Policy;
      decide: Policy["decide"];
    };
    assert.is(built.decide(call, { now: 0 }).effect, "permit");
    assert.is(built.decide(call, { now: 0 }).rule_ref, "edge.fms:1");
    assert.is(built.open({ state: "volatile" }).info.stateful, false);
    assert.match(readFileSync(join(dir, "p.d.mts"), "utf8"), /export declare const decide/);
  }));

test("one that decides on objects alone is smaller, has no decideJson, and its types say so", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), text);
    assert.is((await faramesh(dir, "build", "--target", "esm", "--out", "whole.mjs")).code, 0);
    assert.is((await faramesh(dir, "build", "--target", "esm", "--out", "objects.mjs", "--objects")).code, 0);
    const built = (await import(pathToFileURL(join(dir, "objects.mjs")).href)) as { policy: Policy };
    assert.is(built.policy.decide(call, { now: 0 }).effect, "permit");
    assert.is("decideJson" in built.policy, false);
    assert.match(readFileSync(join(dir, "objects.d.mts"), "utf8"), /policy: ObjectPolicy;/);
    assert.ok(statSync(join(dir, "objects.mjs")).size < 0.85 * statSync(join(dir, "whole.mjs")).size);
  }));

test("a worker is a script that imports the module beside it", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), text);
    assert.is((await faramesh(dir, "build", "--target", "worker", "--out", "edge.js")).code, 0);
    assert.match(readFileSync(join(dir, "edge.js"), "utf8"), /^import module from "\.\/edge\.wasm";\n/);
    assert.ok(existsSync(join(dir, "edge.wasm")) && existsSync(join(dir, "edge.d.ts")));
  }));

test("without a name the files lie in the stack's folder, with a folder's name in that", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), text);
    mkdirSync(join(dir, "src"));
    assert.is((await faramesh(dir, "build", "--target", "wasm")).code, 0);
    assert.is((await faramesh(dir, "build", "--target", "worker", "--out", "src")).code, 0);
    for (const file of ["policy.wasm", "src/policy.js", "src/policy.wasm", "src/policy.d.ts"])
      assert.ok(existsSync(join(dir, file)), file);
  }));

test("a build never lands on a policy, and bad words are errors of use", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), text);
    const build = (...words: readonly string[]) => faramesh(dir, "build", ...words);
    const use = [
      ["--target", "wasm", "--out", "governance.fms"],
      ["--target", "esm", "--out", "p.wasm"],
      ["--target", "elf", "--out", "p.wasm"],
      ["--target", "wasm", "--out", "p.wasm", "--counters", "1000"],
      ["--target", "wasm", "--out", "p.wasm", "--counters", "8388608"],
    ];
    for (const words of use) assert.is((await build(...words)).code, 64, words.join(" "));
    assert.is((await build("--target", "wasm", "--out", "p.wasm", "none.fms")).code, 1);
    assert.is((await build("--target", "wasm", "--out", "none/p.wasm")).code, 1);
    writeFileSync(join(dir, "governance.fms"), "agent {");
    assert.is((await build("--target", "wasm", "--out", "p.wasm")).code, 1);
    assert.is(readFileSync(join(dir, "governance.fms"), "utf8"), "agent {");
    assert.is(existsSync(join(dir, "p.wasm")), false);
  }));

test.run();
