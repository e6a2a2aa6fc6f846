// `faramesh build`: the policy as one module that decides wherever Wasm runs, with nothing to load. It writes the files
// that it names and no others, and only those that end as built ones do.
import { statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { replaceProjectFile } from "../../runtime/disk.ts";
import type { JoinedPolicy, JoinOptions } from "../../runtime/embed/join.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { compilePolicy, readNamedPolicy, readPolicyFile } from "../policy-file.ts";
import { countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const targets = ["wasm", "esm", "worker"] as const;
type Target = (typeof targets)[number];

/** How the file of a target ends, so that a build never lands on a policy. */
const endings: Readonly<Record<Target, RegExp>> = { wasm: /\.wasm$/, esm: /\.m?js$/, worker: /\.m?js$/ };
const endingWords: Readonly<Record<Target, string>> = { wasm: ".wasm", esm: ".js or .mjs", worker: ".js or .mjs" };
/** The machine's own limit on counters. */
const countersMax = 4_194_304;

interface BuiltFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export class BuildCommand extends FarameshCommand {
  static override paths = [["build"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "write the policy as one module for edge functions, browsers and workers",
    details:
      "The policy is proved and laid down when it is built; opening it loads nothing. Needs the package `binaryen`. Exit codes: 0, 1 does not compile, or binaryen is not installed.",
    examples: [
      ["A Wasm module for `loadPolicy`", "faramesh build --target wasm --out policy.wasm"],
      ["One file for bundlers: policy.js", "faramesh build --target esm"],
      ["For Workers: src/policy.js and src/policy.wasm", "faramesh build --target worker --out src"],
    ],
  });
  readonly target = Option.String("--target", { required: true, description: "wasm, esm or worker" });
  readonly out = Option.String("--out", {
    description:
      "the file to write, or the folder for it; replaced when it is there (default: policy.js or policy.wasm)",
  });
  readonly counters = Option.String("--counters", {
    description: "most counters of a policy that counts, a power of two (default 65536)",
  });
  readonly objects = Option.Boolean("--objects", false, {
    description: "decide on objects alone: without decideJson and explain, a quarter smaller",
  });
  readonly file = Option.String({ name: "file", required: false });

  async run(io: Terminal): Promise<number> {
    const target = targetOf(this.target);
    const path = this.#outPath(target);
    if (!endings[target].test(path)) {
      throw new Stop(`--out of ${target} ends in ${endingWords[target]}`, undefined, exits.usage);
    }
    const counters = this.counters === undefined ? {} : { meterCapacity: countersOf(this.counters) };
    const options = { ...counters, json: !this.objects };
    const source = this.file === undefined ? readPolicyFile(this.dir) : readNamedPolicy(resolve(this.dir, this.file));
    const { image } = await compilePolicy(io, this.dir, source);
    const built = await joinImage(image, options);
    const files = await filesOf(target, path, built);
    for (const { path: to, bytes } of files) replaceProjectFile(to, bytes);
    const { policy_hash, image_hash } = built.info;
    io.json({
      target,
      files: files.map(({ path: to, bytes }) => ({ path: to, bytes: bytes.length })),
      policy_hash,
      image_hash,
    });
    const shown = files.map(({ path: to, bytes }) => `${visible(basename(to))} (${countText(bytes.length, "byte")})`);
    io.say(`${io.paint.green("✓")} ${shown.join(", ")} written, policy ${policy_hash.slice(0, 8)}`);
    return exits.ok;
  }

  #outPath(target: Target): string {
    const name = target === "wasm" ? "policy.wasm" : "policy.js";
    if (this.out === undefined) return resolve(this.dir, name);
    const path = resolve(this.dir, this.out);
    return isFolder(path) ? join(path, name) : path;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function targetOf(word: string): Target {
  const target = targets.find((known) => known === word);
  if (target !== undefined) return target;
  throw new Stop(`--target is wasm, esm or worker, not \`${visible(word)}\``, undefined, exits.usage);
}

function countersOf(word: string): number {
  const count = /^\d{1,7}$/.test(word) ? Number(word) : 0;
  if (count > 0 && count <= countersMax && (count & (count - 1)) === 0) return count;
  throw new Stop(`--counters is a power of two up to 4,194,304, not \`${visible(word)}\``, undefined, exits.usage);
}

/** Joins with binaryen, which is loaded here and nowhere else. */
async function joinImage(image: Uint8Array, options: JoinOptions): Promise<JoinedPolicy> {
  try {
    const { joinPolicy } = await import("../../runtime/embed/join.ts");
    return joinPolicy(image, options);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new Stop(
      "building needs the package `binaryen`, which is not installed",
      "npm install --save-dev binaryen@132",
    );
  }
}

async function filesOf(target: Target, path: string, joined: JoinedPolicy): Promise<readonly BuiltFile[]> {
  if (target === "wasm") return [{ path, bytes: joined.wasm }];
  const { esmText, typesText, workerText } = await import("../../runtime/embed/wrap.ts");
  const types = { path: path.replace(/\.(m?)js$/, ".d.$1ts"), bytes: Buffer.from(typesText(joined)) };
  if (target === "esm") return [{ path, bytes: Buffer.from(esmText(joined)) }, types];
  const beside = path.replace(/\.m?js$/, ".wasm");
  const text = workerText(basename(beside), joined);
  return [{ path: beside, bytes: joined.wasm }, { path, bytes: Buffer.from(text) }, types];
}
