// The settings of `runtime { }` that are fixed for the life of a process, and the refusal of a policy that would change
// them behind the operator's back. It must never carry such a change out.
import { resolve } from "node:path";
import type { HttpSettings } from "./doors/http/door.ts";
import type { RuntimeValue } from "./evaluator/types.ts";
import { PolicyRefusal } from "./policy.ts";
import { type StackPaths, socketPlaces, walDirOf } from "./stack.ts";

export type RuntimeSettings = { readonly [name: string]: RuntimeValue };
export type Environment = { readonly [name: string]: string | undefined };

/** The text of a setting; null where it is not set, or no text. */
export function settingOf(settings: RuntimeSettings, name: string): string | null {
  const value = settings[name];
  return typeof value === "string" && value !== "" ? value : null;
}

/** Throws PolicyRefusal UNSUPPORTED when `wanted` asks for a signer that is not there. */
export function checkSigning(wanted: RuntimeSettings, isExternal: boolean): void {
  const signing = settingOf(wanted, "signing") ?? "local";
  if (signing !== "local" && signing !== "external") {
    throw new PolicyRefusal("UNSUPPORTED", `\`signing\` is "local" or "external", not "${signing}"`);
  }
  if (signing === "external" && !isExternal) {
    const help = "put a key on a token first: faramesh key rotate --pkcs11 MODULE --token LABEL";
    throw new PolicyRefusal("UNSUPPORTED", `\`signing\` is "external", and the log is signed by a key file: ${help}`);
  }
}

/** The settings of the HTTP door as the policy writes them; null: not set. */
export interface HttpWords {
  readonly listen: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Throws PolicyRefusal for a variable named by env() that is not set: a door that should be there is not left out. */
export function httpWordsOf(settings: RuntimeSettings, env: Environment): HttpWords {
  const textOf = (name: string): string | null => {
    const value = settings[name];
    if (typeof value !== "object" || value === null || !("env" in value)) return settingOf(settings, name);
    const set = env[value.env];
    if (set) return set;
    throw new PolicyRefusal("UNSUPPORTED", `the environment variable ${value.env} for \`${name}\` is not set`);
  };
  return { listen: textOf("http_listen"), cert: textOf("tls_cert_file"), key: textOf("tls_key_file") };
}

/** With the files against the stack's folder; null where there is no such door. */
export function httpSettingsOf({ listen, cert, key }: HttpWords, dir: string): HttpSettings | null {
  if (listen === null) return null;
  const fileOf = (path: string | null): string | null => (path === null ? null : resolve(dir, path));
  return { listen, certFile: fileOf(cert), keyFile: fileOf(key) };
}

const httpFields = [
  ["http_listen", "listen"],
  ["tls_cert_file", "cert"],
  ["tls_key_file", "key"],
] as const;

/** Throws PolicyRefusal UNSUPPORTED when `wanted` names another log, durability or socket than what runs. */
export function checkTakenOver(
  wanted: RuntimeSettings,
  active: RuntimeSettings | null,
  running: { readonly walDir: string; readonly durability: string; readonly socket: string; readonly http: HttpWords },
  paths: StackPaths,
  env: Environment,
): void {
  const isChanged = (name: string, runs: string, asRunning: (text: string | null) => string): boolean => {
    const setting = settingOf(wanted, name);
    if (asRunning(setting) === runs) return false;
    // The process may have been started with other settings than the policy's: what the policy keeps is no change.
    return active === null ? setting !== null : setting !== settingOf(active, name);
  };
  const socketOf = (text: string | null): string => socketPlaces(paths, env, text).agent;
  const changed: string[] = [];
  if (isChanged("wal_dir", running.walDir, (text) => walDirOf(paths, text))) changed.push("wal_dir");
  if (isChanged("durability", running.durability, (text) => text ?? "group")) changed.push("durability");
  if (isChanged("socket", running.socket, socketOf)) changed.push("socket");
  for (const [name, word] of httpFields)
    if (isChanged(name, running.http[word] ?? "", (text) => text ?? "")) changed.push(name);
  if (changed.length === 0) return;
  const names = changed.map((name) => `\`${name}\``).join(", ");
  throw new PolicyRefusal("UNSUPPORTED", `${names} cannot change while the daemon runs: apply --stop, then apply`);
}
