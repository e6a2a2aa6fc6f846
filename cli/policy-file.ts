// The policy file of a stack, read once and compiled: what check, plan, apply and dev begin with. It reads and never writes.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Compiled } from "../compiler/index.ts";
import { CliFailure } from "./exit.ts";

export const policyFileName = "governance.fms";
/** Other forms of the same tree; known so that a stack that has only those gets a clear word. */
export const otherForms = ["governance.fms.yaml", "governance.fms.yml", "governance.fms.json"];
const sourceLimitBytes = 4 * 1024 * 1024;

export interface PolicyFile {
  /** As messages and rule_ref name it. */
  readonly file: string;
  readonly path: string;
  readonly text: string;
}

/** Reads the stack's policy: the same bytes are compiled, stored and shown. Throws CliFailure with the remedy. */
export function readPolicyFile(dir: string): PolicyFile {
  const path = join(dir, policyFileName);
  const bytes = readBytes(dir, path);
  if (bytes.includes(0)) {
    throw new CliFailure("NOT_TEXT", `${path} is not a text file`, { help: "a policy is UTF-8 text; see docs/language.md" });
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { file: policyFileName, path, text };
  } catch {
    throw new CliFailure("NOT_TEXT", `${path} is not UTF-8`, { help: "save it as UTF-8" });
  }
}

function readBytes(dir: string, path: string): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw openFailure(dir, path, error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new CliFailure("NOT_A_FILE", `${path} is not a file`);
    if (stat.size > sourceLimitBytes) {
      throw new CliFailure("TOO_LARGE", `${path} has ${stat.size} bytes; a policy has at most ${sourceLimitBytes}`);
    }
    const bytes = new Uint8Array(stat.size);
    let read = 0;
    while (read < bytes.length) {
      const n = readSync(descriptor, bytes, read, bytes.length - read, read);
      if (n === 0) break;
      read += n;
    }
    return bytes.subarray(0, read);
  } finally {
    closeSync(descriptor);
  }
}

function openFailure(dir: string, path: string, error: unknown): CliFailure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "EIO";
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new CliFailure("NO_POLICY", `there is no ${policyFileName} in ${dir}`, {
      help: "write a first one from your tools: faramesh init",
    });
  }
  if (code === "EACCES") {
    return new CliFailure("UNREADABLE", `${path} cannot be read: permission denied`, { help: `chmod u+r ${path}` });
  }
  return new CliFailure("UNREADABLE", `${path} cannot be read: ${code}`);
}

/** Compiles; the compiler is loaded only here, since commands that need no policy must start quickly. */
export async function compilePolicyFile(policy: PolicyFile): Promise<Compiled> {
  const { compile } = await import("../compiler/index.ts");
  return compile(policy.text, { file: policy.file });
}
