// Packs what is published, from one tree: faramesh, and faramesh-evaluator, the machine and its host alone. Writes both
// tarballs into the folder that is named and prints their paths; publishes nothing.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const [destination = "build/packages"] = process.argv.slice(2);
const out = resolve(destination);
mkdirSync(out, { recursive: true });

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
// First, for it builds and writes the types that the second takes over.
console.log(join(out, pack(root)));
console.log(join(out, packEvaluator()));

function packEvaluator() {
  const folder = mkdtempSync(join(tmpdir(), "faramesh-evaluator-"));
  try {
    const source = join(root, "runtime/evaluator/package");
    const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
    writeFileSync(join(folder, "package.json"), `${JSON.stringify({ ...manifest, version }, null, 2)}\n`);
    copyFileSync(join(source, "README.md"), join(folder, "README.md"));
    copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
    const files = [
      ...["small.js", "objects.js", "host.js", "worker.js", "objects-worker.js", "explainer.js", "shared.js"],
      ...["stateless.js", "stateless-worker.js"],
      ...["machine.wasm", "machine-objects.wasm", "machine-stateless.wasm"],
    ];
    for (const file of files) copyFileSync(join(root, "dist", file), join(folder, file));
    takeTypes(folder, ["small", "objects", "stateless", "host", "explainer", "shared"]);
    return pack(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The types of the evaluator's doors, and all that they refer to. */
function takeTypes(folder, doors) {
  const from = join(root, "dist/types");
  const wanted = doors.map((name) => join("runtime/evaluator", `${name}.d.ts`));
  // The list grows while it is walked.
  for (const file of wanted) {
    const text = readFileSync(join(from, file), "utf8");
    for (const [, specifier] of text.matchAll(/from "(\.[^"]*)\.[jt]s"/g)) {
      const other = join(dirname(file), `${specifier}.d.ts`);
      if (!wanted.includes(other)) wanted.push(other);
    }
    cpSync(join(from, file), join(folder, "types", file), { recursive: true });
  }
}

function pack(folder) {
  const printed = execFileSync("npm", ["pack", "--silent", "--json", "--pack-destination", out], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(printed.slice(printed.indexOf("[")))[0].filename;
}
