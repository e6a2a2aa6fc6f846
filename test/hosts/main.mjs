// Tries the packed evaluator in every host, against the same golden answers, and the examples of examples/edge. Ends with
// "N passed, N failed". A host that is not there fails where FARAMESH_HOSTS=all, and is named and left out elsewhere.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasChromium, inPage, tryChromium } from "./chromium.mjs";
import { inEdgeRuntime, tryEdgeRuntime } from "./edge-runtime.mjs";
import { inWorkerd, tryWorkerd } from "./workerd.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const mustAll = process.env.FARAMESH_HOSTS === "all";
const hostTimeoutMs = 120_000;
const packagesOf = createRequire(join(here, "package.json"));
const folder = mkdtempSync(join(tmpdir(), "faramesh-hosts-"));
const counts = { passed: 0, failed: 0, absent: 0 };

const binary = (path) => join(here, "node_modules", path);
const runtimes = {
  "Node 20": [binary("node20/bin/node")],
  "Node 22": [binary("node22/bin/node")],
  "Node 24": [binary("node24/bin/node")],
  Deno: [binary(`@deno/linux-x64-glibc/deno`), "run", "--node-modules-dir=manual", "--allow-read"],
  Bun: [binary(`@oven/bun-linux-x64/bin/bun`)],
};

/** Runs a program in the folder; what it wrote to standard output. */
function run([file, ...words], ...more) {
  return execFileSync(file, [...words, ...more], {
    cwd: folder,
    encoding: "utf8",
    timeout: hostTimeoutMs,
    env: runEnv,
  });
}
const runEnv = { PATH: process.env.PATH, HOME: folder, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };

function load(name) {
  try {
    return packagesOf(name);
  } catch {
    return null;
  }
}

/** Runs one trial; null in `there` means that the host is not installed. */
async function trial(name, there, work) {
  if (there === null) {
    counts[mustAll ? "failed" : "absent"]++;
    console.log(
      `${mustAll ? "FAIL" : "–   "} ${name}: not installed; npm ci --prefix test/hosts, or apt-get install chromium`,
    );
    return;
  }
  try {
    const said = await work(there);
    counts.passed++;
    console.log(`ok   ${name}${said === undefined ? "" : `: ${said}`}`);
  } catch (error) {
    counts.failed++;
    console.log(`FAIL ${name}: ${error.message}`);
  }
}

/** Throws unless every answer was the golden one. */
function judged({ compared, wrong, shown }) {
  if (wrong > 0 || compared === 0) throw new Error(`${wrong} of ${compared} answers differ\n  ${shown.join("\n  ")}`);
  return `${compared} answers`;
}

function mustBe(found, expected) {
  if (found !== expected) throw new Error(`expected ${expected}, found ${found}`);
}

/** Packages unpacked as installed, vectors, built modules, examples; returns how many modules there are. */
function prepare() {
  const tsx = join(root, "node_modules/.bin/tsx");
  execFileSync(process.execPath, [join(root, "pack.mjs"), folder], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of ["faramesh", "faramesh-evaluator"]) {
    mkdirSync(join(folder, "node_modules", name), { recursive: true });
    const tarball = join(folder, `${name}-${version}.tgz`);
    execFileSync("tar", ["xzf", tarball, "-C", join(folder, "node_modules", name), "--strip-components=1"]);
  }
  const vectors = execFileSync(tsx, [join(here, "vectors.ts"), folder], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  writeFileSync(join(folder, "vectors.json"), vectors);
  for (const file of ["check.mjs", "drive.mjs"]) copyFileSync(join(here, file), join(folder, file));
  writeFileSync(join(folder, "trial.html"), '<!doctype html><meta charset="utf-8">');
  const dependencies = { faramesh: version, "faramesh-evaluator": version };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true, dependencies }));
  cpSync(join(root, "examples/edge"), folder, { recursive: true });
  return JSON.parse(vectors).filter(({ isBuilt }) => isBuilt).length;
}

/** The command line of the packed package, which finds its dependencies in this tree. */
function farameshBuild(node, target, out) {
  const cli = join(root, "dist/faramesh.js");
  run([node, cli], "build", "--dir", folder, "--target", target, "--out", out);
}

async function tryExamples() {
  farameshBuild(process.execPath, "esm", "policy.mjs");
  farameshBuild(process.execPath, "worker", "policy.js");
  const permitted = "permit POLICY_PERMIT: permitted by the rule at governance.fms:5\n";
  for (const [name, command] of Object.entries(runtimes)) {
    await trial(`example decide.js, ${name}`, existsSync(command[0]) ? command : null, () => {
      mustBe(run(command, "decide.js", "mail/send", '{"to":"ann@example.com"}'), permitted);
      mustBe(run(command, "decide.js", "mail/send", "{}"), "deny POLICY_DENY: mail goes to our own people only\n");
    });
  }
  await trial("example worker.js, workerd", load("miniflare"), (packages) => {
    const contents = readFileSync(join(folder, "worker.js"), "utf8");
    const wasm = { "policy.wasm": join(folder, "policy.wasm") };
    return inWorkerd(packages, { resolveDir: folder, contents, wasm }, async (post) => {
      mustBe((await post('{"agent_id":"support","tool_id":"search_docs"}')).status, 200);
      mustBe((await post('{"agent_id":"support","tool_id":"stripe/refund"}')).status, 403);
      mustBe((await (await post("no JSON")).json()).code, "BAD_REQUEST");
    });
  });
  await trial("example page.html, Chromium", hasChromium() ? load("playwright-core") : null, (packages) =>
    inPage(packages, folder, "page.html", async (page) => {
      const told = () => page.textContent("output");
      mustBe(await told(), "permit: permitted by the rule at governance.fms:5");
      await page.fill("input", "eve@evil.example");
      mustBe(await told(), "deny: mail goes to our own people only");
    }),
  );
  await trial("example edge-function.js, edge runtime", load("@edge-runtime/vm"), async (packages) => {
    const contents = `
      import { handle } from "./edge-function.js";
      globalThis.result = JSON.stringify(handle({ agent_id: "support", tool_id: given }));`;
    const answer = (given) => inEdgeRuntime(packages, { resolveDir: folder, contents, given });
    mustBe(await answer("search_docs"), '{"status":200,"body":"POLICY_PERMIT"}');
    mustBe(await answer("shell"), '{"status":403,"body":"POLICY_DENY"}');
  });
}

/** The same bytes from every version of Node that we name. */
async function tryBuilds() {
  farameshBuild(process.execPath, "wasm", "here.wasm");
  const expected = readFileSync(join(folder, "here.wasm")).toString("hex");
  for (const name of ["Node 20", "Node 22", "Node 24"]) {
    const [node] = runtimes[name];
    await trial(`build, ${name}: the same bytes`, existsSync(node) ? node : null, () => {
      farameshBuild(node, "wasm", "there.wasm");
      mustBe(readFileSync(join(folder, "there.wasm")).toString("hex"), expected);
    });
  }
}

async function tryHosts(builtCount) {
  for (const [name, command] of Object.entries(runtimes)) {
    await trial(name, existsSync(command[0]) ? command : null, () => judged(JSON.parse(run(command, "drive.mjs"))));
  }
  await trial("workerd", load("miniflare"), async (packages) => judged(await tryWorkerd(packages, folder, builtCount)));
  await trial("Chromium", hasChromium() ? load("playwright-core") : null, async (packages) =>
    judged(await tryChromium(packages, folder, builtCount)),
  );
  await trial("edge runtime", load("@edge-runtime/vm"), async (packages) =>
    judged(await tryEdgeRuntime(packages, folder)),
  );
}

try {
  // npm leaves install scripts out, which would have set these.
  for (const [file] of Object.values(runtimes)) if (existsSync(file)) chmodSync(file, 0o755);
  const builtCount = prepare();
  await tryHosts(builtCount);
  await tryBuilds();
  await tryExamples();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const absent = counts.absent > 0 ? `, ${counts.absent} not tried` : "";
console.log(`${counts.passed} passed, ${counts.failed} failed${absent}`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
