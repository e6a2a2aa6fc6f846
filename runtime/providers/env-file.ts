// The kind `env-file`, for development: secrets as lines NAME=value of a file that only its owner may read. The file is read for each
// call and nothing of it is kept.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { resolve, sep } from "node:path";
import { hasErrorCode } from "../disk.ts";
import { type Provider, ProviderFailure, type Secret, type SecretRequest } from "./provider.ts";
import type { SettingShapes, Settings } from "./settings.ts";

export const envFileSettings: SettingShapes = { file: { holds: "text", required: true } };

const fileLimitBytes = 64 * 1024;
const readableByOthers = 0o077;

export class EnvFile implements Provider {
  readonly abilities = ["getSecret"] as const;
  readonly #path: string;
  readonly #farameshDir: string;

  constructor(settings: Settings, dir: string) {
    this.#path = resolve(dir, settings.given("file"));
    this.#farameshDir = resolve(dir, ".faramesh") + sep;
  }

  async init(): Promise<void> {
    if (this.#path.startsWith(this.#farameshDir))
      throw new ProviderFailure("SETTINGS", "no secrets are kept below .faramesh");
    await this.probe();
  }

  async probe(): Promise<void> {
    linesOf(this.#path);
  }

  async shutdown(): Promise<void> {}

  async getSecret({ path }: SecretRequest): Promise<Secret> {
    const value = linesOf(this.#path).get(path);
    if (value === undefined || value === "") throw new ProviderFailure("NOT_FOUND", "the file has no such name");
    return { values: { [path]: value }, leaseSeconds: null };
  }
}

function linesOf(path: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of readOwn(path).split("\n")) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    const [, name, text] = match ?? [];
    if (name === undefined || text === undefined) continue;
    const quoted = /^(["'])(.*)\1$/.exec(text);
    found.set(name, quoted?.[2] ?? text);
  }
  return found;
}

/** What is checked is what is read: one descriptor, and no link is followed. */
function readOwn(path: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) throw new ProviderFailure("UNREACHABLE", "its file does not exist");
    if (hasErrorCode(error, "ELOOP")) throw new ProviderFailure("REFUSED", "its file is a link");
    throw new ProviderFailure("UNREACHABLE", "its file cannot be opened");
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new ProviderFailure("REFUSED", "its file is no file");
    if (stats.uid !== process.getuid?.() || (stats.mode & readableByOthers) !== 0)
      throw new ProviderFailure("REFUSED", "its file can be read by others, or is not ours: chmod 600 it");
    if (stats.size > fileLimitBytes)
      throw new ProviderFailure("REFUSED", `its file is longer than ${fileLimitBytes} bytes`);
    const bytes = Buffer.alloc(stats.size);
    const readBytes = readSync(descriptor, bytes, 0, bytes.length, 0);
    return bytes.toString("utf8", 0, readBytes);
  } finally {
    closeSync(descriptor);
  }
}
