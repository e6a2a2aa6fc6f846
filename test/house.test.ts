// The plan of the house, held: which room may import which, what only one file may do, and how long a file may be.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("..", import.meta.url));
const fileLinesMax = 600;

const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
});
const sources = listed
  .split("\n")
  .filter((file) => /^(compiler|vm|runtime|cli|bench)\/.*\.ts$/.test(file) && existsSync(join(root, file)));

/**
 * Rooms that a room may import from, besides itself. `evaluator`, `sdk` and `shared` are rooms within rooms, and so is
 * the reader and writer of JSON, which is pure: the SDK hashes what the daemon hashes, by the same code.
 */
const arrows: Record<string, readonly string[]> = {
  "vm/shared": [],
  vm: ["vm/shared"],
  compiler: ["vm/shared", "build"],
  "runtime/evaluator": ["vm/shared", "build"],
  "runtime/json.ts": ["runtime/evaluator"],
  "runtime/sdk": ["runtime/evaluator", "runtime/json.ts"],
  // In front of servers of tools the daemon is a client of its own decisions, by the same gate as every agent's.
  "runtime/doors/mcp": ["runtime", "runtime/sdk", "runtime/evaluator", "runtime/json.ts", "compiler"],
  runtime: ["runtime/doors/mcp", "runtime/evaluator", "runtime/json.ts", "compiler", "vm/shared", "build"],
  // `hook` is a client of the daemon like any other agent's.
  cli: ["runtime", "runtime/doors/mcp", "runtime/sdk", "runtime/evaluator", "runtime/json.ts", "compiler"],
  bench: ["build-evaluator.mjs", "runtime", "runtime/evaluator", "runtime/json.ts", "compiler", "vm/shared", "cli"],
};

function roomOf(file: string): string {
  if (file === "runtime/json.ts") return file;
  for (const room of ["vm/shared", "runtime/evaluator", "runtime/sdk", "runtime/doors/mcp"])
    if (file.startsWith(`${room}/`)) return room;
  return file.split("/")[0] ?? "";
}

interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)/gm);
  return [...statements].map((m) => ({ from: file, specifier: m[2] ?? m[3] ?? "", typeOnly: m[1] !== undefined }));
}

const imports = sources.flatMap(importsOf);

test("arrows between rooms point one way", () => {
  const wrong = imports.flatMap(({ from, specifier, typeOnly }) => {
    if (!specifier.startsWith(".")) return [];
    const target = roomOf(normalize(join(dirname(from), specifier)));
    const own = roomOf(from);
    if (target === own || (arrows[own] ?? []).includes(target)) return [];
    if (typeOnly && ["compiler", "runtime"].includes(target) && own !== "compiler") return [];
    return [`${from} imports ${specifier}`];
  });
  assert.equal(wrong, []);
});

test("the compiler, the machine and the evaluator import nothing of node", () => {
  const pure = ["compiler/", "vm/", "runtime/evaluator/"];
  const wrong = imports.filter((i) => pure.some((room) => i.from.startsWith(room)) && i.specifier.startsWith("node:"));
  assert.equal(wrong, []);
});

/** What only the named files may say. */
const only: readonly { readonly what: string; readonly pattern: RegExp; readonly files: readonly RegExp[] }[] = [
  {
    what: "WebAssembly",
    pattern: /\bnew WebAssembly\.|WebAssembly\.compile/,
    files: [/^runtime\/evaluator\/(machine|carried)\.ts$/],
  },
  {
    what: "writing to disk",
    pattern:
      /\b(writeFileSync|writeFile|appendFile|appendFileSync|renameSync|unlinkSync|fdatasync|createWriteStream)\(/,
    files: [/^runtime\/disk\.ts$/, /^bench\//],
  },
  {
    what: "the clock",
    pattern: /\bDate\.now\(|process\.hrtime|new Date\(\)/,
    files: [/^runtime\/clock\.ts$/, /^bench\//],
  },
  {
    what: "process.exit",
    pattern: /\bprocess\.exit\(/,
    files: [/^cli\/(bin|main|exit)\.ts$/, /^runtime\/daemon-main\.ts$/, /^bench\//],
  },
  {
    what: "sockets",
    pattern: /from "node:(net|http|https|tls|dgram)"/,
    files: [
      /^runtime\/doors\//,
      /^runtime\/sdk\/socket-transport\.ts$/,
      /^runtime\/lock\.ts$/,
      /^runtime\/outgoing\//,
      /^bench\//,
    ],
  },
];

for (const { what, pattern, files } of only) {
  test(`${what} stands in its own file`, () => {
    const wrong = sources.filter((file) => !files.some((allowed) => allowed.test(file)) && pattern.test(code(file)));
    assert.equal(wrong, []);
  });
}

/** A file without its comments. */
function code(file: string): string {
  return readFileSync(join(root, file), "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
}

test("no file has outgrown its idea", () => {
  const long = sources.filter((file) => readFileSync(join(root, file), "utf8").split("\n").length > fileLinesMax);
  assert.equal(long, []);
});

test("every file says first what it is", () => {
  const silent = sources.filter((file) => !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(readFileSync(join(root, file), "utf8")));
  assert.equal(silent, []);
});

test.run();
