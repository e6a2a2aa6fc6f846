// Tokens for registries that want one: `faramesh/tokens.json` in the user's configuration folder, mode 0600, one token for
// each origin. A token goes to the origin it was given for and is never printed, logged or written anywhere else.
import { statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { hasErrorCode, nodeDisk, readWhole, replaceFile } from "../disk.ts";
import { type JsonObject, parseJson } from "../json.ts";

const fileName = "tokens.json";
const fileLimitBytes = 64 * 1024;
/** Printable ASCII without blanks: it stands in a header. */
const tokenText = /^[\x21-\x7e]{8,4096}$/;

export class TokenFailure extends Error {
  readonly code = "TOKENS_UNUSABLE";
}

type Environment = { readonly [name: string]: string | undefined };

export function isToken(text: string): boolean {
  return tokenText.test(text);
}

/** Null where no folder of the user's configuration is known. */
export function tokenFile(env: Environment): string | null {
  const configuration = configurationFolder(env);
  return configuration === null ? null : join(configuration, "faramesh", fileName);
}

function configurationFolder({ XDG_CONFIG_HOME: set, HOME: home }: Environment): string | null {
  if (set !== undefined && isAbsolute(set)) return set;
  return home !== undefined && isAbsolute(home) ? join(home, ".config") : null;
}

/** By origin, such as `https://registry.example`. Throws TokenFailure where the file is not one, or others may read it. */
export function readTokens(env: Environment): ReadonlyMap<string, string> {
  const path = tokenFile(env);
  if (path === null) return new Map();
  let bytes: Uint8Array;
  try {
    const found = nodeDisk.identity(path);
    if (found === null) return new Map();
    if ((found.mode & 0o077) !== 0) throw new TokenFailure(`${path} may be read by others: chmod 600 ${path}`);
    bytes = readWhole(nodeDisk, path, fileLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG", "ENOTDIR"))
      throw new TokenFailure(`${path} is no file of tokens`);
    throw error;
  }
  const parsed = parseJson(bytes);
  const tokens = parsed.ok ? (parsed.value as JsonObject | null)?.tokens : null;
  const entries = typeof tokens === "object" && tokens !== null ? Object.entries(tokens) : null;
  if (entries === null || !entries.every(([, token]) => typeof token === "string" && isToken(token)))
    throw new TokenFailure(`${path} is no file of tokens: remove it, and log in again`);
  return new Map(entries.map(([origin, token]) => [origin, String(token)]));
}

/** Keeps a token for an origin, or with null takes it away. Throws TokenFailure where there is no place for it. */
export function keepToken(env: Environment, origin: string, token: string | null): void {
  const tokens = new Map(readTokens(env));
  if (token === null) tokens.delete(origin);
  else tokens.set(origin, token);
  const configuration = configurationFolder(env);
  if (configuration === null) throw new TokenFailure("neither XDG_CONFIG_HOME nor HOME says where to keep a token");
  const folder = join(configuration, "faramesh");
  try {
    // The user's own folder may be shared or a link; ours below it is not.
    if (statSync(configuration, { throwIfNoEntry: false }) === undefined) nodeDisk.makeDirectory(configuration);
    nodeDisk.makeDirectory(folder);
  } catch (error) {
    if (hasErrorCode(error, "ENOTDIR")) throw new TokenFailure(`${folder} is a link, or no folder`);
    throw error;
  }
  const sorted = Object.fromEntries([...tokens].sort(([a], [b]) => (a < b ? -1 : 1)));
  replaceFile(nodeDisk, join(folder, fileName), Buffer.from(`${JSON.stringify({ tokens: sorted }, null, 2)}\n`));
}
